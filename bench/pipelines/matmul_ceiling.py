"""What this processor can do at most: the feed-forward products of the encoder alone, in its precision, on its streams.

Run by bench/sync.py right after a sync. Prints one JSON object: operations per second.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openvino as ov
from openvino import opset13 as op

from groundtune.models.embedded.runtime import encoder_options, fastest_precision
from groundtune.models.embedded.weights import base_weights

ROWS, SECONDS = 1024, 3.0

config = base_weights().config
width, inner = config.hidden_size, config.intermediate_size
random = np.random.default_rng(0)
given = op.parameter([-1, width], np.float32)
state = given
for _ in range(config.num_hidden_layers):
    for rows, columns in ((inner, width), (width, inner)):
        weight = random.normal(0, columns**-0.5, (rows, columns)).astype(np.float32)
        state = op.matmul(state, op.constant(weight), False, True)
options = encoder_options(fastest_precision())
compiled = ov.Core().compile_model(ov.Model([state], [given], "products"), "CPU", options)
values = random.normal(size=(ROWS, width)).astype(np.float32)


def work(until: float) -> int:
    """Runs until a moment, at least once."""
    request = compiled.create_infer_request()
    done = 0
    while done == 0 or time.perf_counter() < until:
        request.infer([values], share_inputs=True, share_outputs=True)
        done += 1
    return done


streams = options["NUM_STREAMS"]
with ThreadPoolExecutor(streams) as pool:
    list(pool.map(work, [0.0] * streams))
    began = time.perf_counter()
    runs = sum(pool.map(work, [began + SECONDS] * streams))
    taken = time.perf_counter() - began
print(json.dumps({"operations_per_second": runs * ROWS * config.num_hidden_layers * 4 * width * inner / taken}))
