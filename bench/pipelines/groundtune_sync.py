"""One sync, with the time that it spends in the encoder and what the encoder calculates in it.

Run by bench/sync.py: PAGES STORE WEIGHTS. Prints one JSON object; imports and loading of the model are not timed.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import html_to_markdown  # noqa: F401
import lancedb  # noqa: F401
import numpy as np
from numpy.typing import NDArray

from groundtune.knowledge import KnowledgeBase
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.weights import EncoderConfig


class Watched(EmbeddedEmbedding):
    """Counts the tokens of each call and its seconds."""

    lengths: list[int]
    seconds: float

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """As the embedding does."""
        began = time.perf_counter()
        vectors = super().embed_ids(ids)
        self.seconds += time.perf_counter() - began
        self.lengths += [len(row) + 2 for row in ids]
        return vectors


def operations(lengths: Sequence[int], config: EncoderConfig) -> float:
    """Floating point operations of all matrix products, without padding."""
    width, inner = config.hidden_size, config.intermediate_size
    linear = sum(lengths) * (8 * width * width + 4 * width * inner)
    attention = sum(length * length for length in lengths) * 4 * width
    return config.num_hidden_layers * float(linear + attention)


pages, store, folder = sys.argv[1:]
config = EncoderConfig.read(Path(folder) / "config.json")
embedding = Watched.load()  # the weights as they were read are not kept: only the compiled ones count
embedding.lengths, embedding.seconds = [], 0.0
embedding.embed(["warm"])
embedding.lengths, embedding.seconds = [], 0.0
began = time.perf_counter()
report = KnowledgeBase(Path(store), embedding).sync(["."], Path(pages))
figures = {
    "documents": report.added + report.changed + report.unchanged,
    "passages": report.passages,
    "seconds": time.perf_counter() - began,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "tokens": sum(embedding.lengths),
    "embedding_seconds": embedding.seconds,
    "operations": operations(embedding.lengths, config),
}
print(json.dumps(figures))
