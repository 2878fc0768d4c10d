"""The compiled encoder: token ids in, vectors out, on all cores and safe to call from many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import openvino as ov

from groundtune.cores import cores
from groundtune.models.embedded.graph import encoder_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from groundtune.models.embedded.weights import EncoderConfig

__all__ = ["Encoder", "Precision", "encoder_options", "fastest_precision"]

Precision = Literal["bf16", "f32"]

_BATCH_TOKENS = 512  # tokens of one batch: larger ones gained nothing and hold more memory in every stream
_LENGTH_STEP = 16  # rows are padded to a multiple: the runtime keeps compiled code and memory for every shape it met
_LENGTHS_PER_OCTAVE = 8  # short rows are padded to this many lengths between n and 2n, see `_padded_length`
_MOST_STREAMS = 8
_LONE_ROWS_BEFORE = 8  # single questions after which more are expected

_Result = TypeVar("_Result")


def fastest_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> Precision:
    """Bfloat16 where the processor multiplies it in hardware (AMX or AVX512-BF16), else float32.

    The runtime's own capability list is not asked: it names BF16 on every AVX-512 processor, emulated and slow.
    """
    try:
        flags = cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return "f32"
    return "bf16" if "avx512_bf16" in flags or "amx_bf16" in flags else "f32"


def encoder_options(precision: Precision) -> dict[str, Any]:
    """How the runtime shall use this machine: one single-threaded stream per core.

    Threads that meet at barriers lose more as soon as anything else runs; only a lone row is worth it (`_LoneRow`).
    """
    streams = min(cores(), _MOST_STREAMS)
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        # A stream that is bound to a core waits there for whatever else runs on it, such as the BM25 search.
        "ENABLE_CPU_PINNING": False,
    }


class Encoder:
    """One set of encoder weights, ready to run.

    The runtime already runs the graph near what the processor can do: see docs/decisions/0031-near-the-ceiling.md.
    """

    def __init__(
        self, tensors: Mapping[str, NDArray[Any]], config: EncoderConfig, *, precision: Precision | None = None
    ) -> None:
        """Compile the encoder.

        Args:
            tensors: Weights under the names of the published checkpoint; heads among them are ignored.
            config: Sizes of the encoder.
            precision: None takes the fastest that this processor has.
        """
        self.precision: Precision = precision or fastest_precision()
        self.dimensions = config.hidden_size
        self.max_tokens = config.max_position_embeddings
        options = encoder_options(self.precision)
        self._streams: int = options["NUM_STREAMS"]
        graph = encoder_graph(tensors, config)
        self._compiled = ov.Core().compile_model(graph, "CPU", options)
        self._workers = ThreadPoolExecutor(self._streams, thread_name_prefix="encoder")
        self._lone = _LoneRow(graph, options, self._workers) if self._streams > 1 else None
        self._local = threading.local()

    def embed(
        self, ids: Sequence[Sequence[int]], type_ids: Sequence[Sequence[int]] | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors, shape (len(ids), dimensions).

        Args:
            ids: Token ids with their special tokens, at most ``max_tokens`` each and at least one.
            type_ids: Segment (0 or 1) of each token; None is all 0.
        """
        vectors = np.empty((len(ids), self.dimensions), np.float32)
        for rows, batch in self._run(ids, type_ids, lambda outputs, _: np.array(outputs["embedding"])):
            vectors[rows] = batch
        return vectors

    def token_states(
        self, ids: Sequence[Sequence[int]], type_ids: Sequence[Sequence[int]] | None = None
    ) -> list[NDArray[np.float32]]:
        """The state of every token, shape (len(ids[i]), dimensions) each; arguments as in `embed`."""
        states: list[NDArray[np.float32]] = [np.empty((0, self.dimensions), np.float32)] * len(ids)
        for rows, batch in self._run(ids, type_ids, _cut_padding):
            for row, value in zip(rows, batch, strict=True):
                states[row] = value
        return states

    def _run(
        self,
        ids: Sequence[Sequence[int]],
        type_ids: Sequence[Sequence[int]] | None,
        take: Callable[[Mapping[str, NDArray[np.float32]], list[int]], _Result],
    ) -> list[tuple[list[int], _Result]]:
        """Run batches of similar length on all streams; ``take`` copies what is wanted from a request's own memory."""
        lengths = [len(row) for row in ids]
        if lengths and not 1 <= min(lengths) <= max(lengths) <= self.max_tokens:
            raise ValueError(f"rows of 1 to {self.max_tokens} tokens are allowed, got {min(lengths)} to {max(lengths)}")
        if len(ids) == 1 and self._lone is not None:
            with self._lone.free_request() as request:
                if request is not None:
                    return [([0], self._infer(request, ids, type_ids, [0], take))]
        batches = _batches(lengths, self._streams)
        futures = [self._workers.submit(self._infer, None, ids, type_ids, rows, take) for rows in batches]
        return [(rows, future.result()) for rows, future in zip(batches, futures, strict=True)]

    def _infer(
        self,
        request: ov.InferRequest | None,
        ids: Sequence[Sequence[int]],
        type_ids: Sequence[Sequence[int]] | None,
        rows: list[int],
        take: Callable[[Mapping[str, NDArray[np.float32]], list[int]], _Result],
    ) -> _Result:
        """Run one batch on ``request``; None is the one of this thread's stream."""
        request = request or self._stream()
        length = _padded_length(max(len(ids[row]) for row in rows), self.max_tokens)
        types = None if type_ids is None else [type_ids[row] for row in rows]
        inputs = _padded([ids[row] for row in rows], types, length)
        outputs = request.infer(inputs, share_inputs=True, share_outputs=True)
        return take(outputs, [len(ids[row]) for row in rows])

    def _stream(self) -> ov.InferRequest:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        return self._local.request


class _LoneRow:
    """The encoder with all cores in one stream: halves the wait for a question that comes alone.

    Its vectors are those of a stream, bit for bit. Compiling costs what a hundred questions gain, so that it is done
    beside the first ones, and never where a program asks once or only indexes.
    """

    def __init__(self, graph: ov.Model, options: Mapping[str, Any], workers: ThreadPoolExecutor) -> None:
        self._graph: ov.Model | None = graph
        self._options = {**options, "NUM_STREAMS": 1}
        self._workers = workers
        self._asked = count(1)
        self._busy = threading.Lock()
        self._request: ov.InferRequest | None = None

    @contextmanager
    def free_request(self) -> Iterator[ov.InferRequest | None]:
        """The request while no other caller has it, else None: whoever comes second is better off in a stream."""
        if next(self._asked) == _LONE_ROWS_BEFORE:
            self._workers.submit(self._compile)
        if self._request is None or not self._busy.acquire(blocking=False):
            yield None
            return
        try:
            yield self._request
        finally:
            self._busy.release()

    def _compile(self) -> None:
        self._request = ov.Core().compile_model(self._graph, "CPU", self._options).create_infer_request()
        self._graph = None


def _cut_padding(outputs: Mapping[str, NDArray[np.float32]], lengths: list[int]) -> list[NDArray[np.float32]]:
    states = outputs["states"]
    return [np.array(states[row, :length]) for row, length in enumerate(lengths)]


def _batches(lengths: Sequence[int], streams: int) -> list[list[int]]:
    """Indices of rows in batches of similar length: within the token budget, and enough batches to use every stream."""
    budget = min(_BATCH_TOKENS, -(-sum(lengths) // streams))
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        # Longest first: the first row of a batch sets its padded length, and the small batches come last.
        if not batches or lengths[batches[-1][0]] * (len(batches[-1]) + 1) > budget:
            batches.append([])
        batches[-1].append(row)
    return batches


def _padded_length(longest: int, most: int) -> int:
    """Fine steps for short rows: a question of 18 tokens must not cost what 32 cost; a new shape costs 3 ms once."""
    step = min(_LENGTH_STEP, max(1, (1 << (longest.bit_length() - 1)) // _LENGTHS_PER_OCTAVE))
    return min(most, -(-longest // step) * step)


def _padded(
    ids: list[Sequence[int]], type_ids: list[Sequence[int]] | None, length: int
) -> dict[str, NDArray[np.int32]]:
    shape = (len(ids), length)
    inputs = {name: np.zeros(shape, np.int32) for name in ("input_ids", "token_type_ids", "attention_mask")}
    for row, tokens in enumerate(ids):
        inputs["input_ids"][row, : len(tokens)] = tokens
        inputs["attention_mask"][row, : len(tokens)] = 1
        if type_ids is not None:
            inputs["token_type_ids"][row, : len(tokens)] = type_ids[row]
    return inputs
