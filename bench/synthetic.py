"""Knowledge of any size for `scale.py`: the texts of aws-docs-qa over and over, under synthetic vectors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groundtune.knowledge.schema import schema
from groundtune.models.embedded.embed import EmbeddedEmbedding

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

CHUNK = 20_000
NOISE = 0.6
A_DOCUMENT = 10


class Synthetic:
    """The embedded model for questions and small documents; real vectors with noise for everything else."""

    name = "bench/synthetic"

    def __init__(self, base: NDArray[np.float32]) -> None:
        self._real = EmbeddedEmbedding.load()
        self._base = base
        self._chance = np.random.default_rng(3)
        self.dimensions = self._real.dimensions
        self.tokens = self._real.tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Real vectors."""
        return self._real.embed(texts)

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Real vectors of a few passages, synthetic ones of many."""
        return self._real.embed_ids(ids) if len(ids) <= 64 else self.some(len(ids))

    def some(self, count: int) -> NDArray[np.float32]:
        """Synthetic vectors (count, dimensions) of length one."""
        noise = self._chance.standard_normal((count, self.dimensions)).astype(np.float32)
        noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
        vectors = self._base[self._chance.integers(0, len(self._base), count)] + noise
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def texts_of(data: Path) -> list[str]:
    """The documents of aws-docs-qa."""
    with gzip.open(data / "aws-docs-qa" / "documents.jsonl.gz", "rt", encoding="utf-8") as rows:
        return [json.loads(row)["text"] for row in rows]


def base_vectors(texts: Sequence[str], work: Path) -> NDArray[np.float32]:
    """Real vectors of passages of 120 words; made once."""
    kept = work / "base.npy"
    if not kept.exists():
        passages = [" ".join(text.split()[:120]) for text in texts[::2]][:1024]
        np.save(kept, EmbeddedEmbedding.load().embed(passages))
    return np.asarray(np.load(kept), np.float32)


def write_files(texts: Sequence[str], folder: Path, passages: int) -> None:
    """Markdown files that come to about so many passages, by 620 characters each."""
    folder.mkdir(parents=True)
    room, number = passages * 620, 0
    while room > 0:
        text = f"# Page {number}\n\nCopy {number} of this page.\n\n{texts[number % len(texts)]}"[:40_000]
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
        room -= len(text)
        number += 1


def rows_of(texts: Sequence[str], synthetic: Synthetic, passages: int) -> Iterator[pa.Table]:
    """Rows of the store, a chunk at a time: documents of ten passages of 110 words."""
    import pyarrow as pa

    words = [text.split() for text in texts if len(text.split()) > 1200]
    columns = schema(synthetic.dimensions)
    for low in range(0, passages, CHUNK):
        numbers = range(low, min(passages, low + CHUNK))
        said = [_said(words, number) for number in numbers]
        names = [f"d{number // A_DOCUMENT}" for number in numbers]
        values: dict[str, Any] = {
            "id": [_id(number) for number in numbers],
            "document": names,
            "ordinal": [number % A_DOCUMENT for number in numbers],
            "passage": [_passage(number, text) for number, text in zip(numbers, said, strict=True)],
            "access": ["" for _ in numbers],
            "labels": [[] for _ in numbers],
            "indexed": said,
            "key": [f"k{number}" for number in numbers],
            "content": names,
            "record": [" ".join(said[at : at + 10]) if n % 10 == 0 else None for at, n in enumerate(numbers)],
        }
        arrays = [pa.array(values[name], columns.field(name).type) for name in values]
        vectors = pa.array(synthetic.some(len(numbers)).ravel())
        arrays.append(pa.FixedSizeListArray.from_arrays(vectors, synthetic.dimensions))
        yield pa.Table.from_arrays(arrays, schema=columns)


def _id(number: int) -> str:
    return f"d{number // A_DOCUMENT}#{number % A_DOCUMENT}"


def _passage(number: int, text: str) -> str:
    document, start = f"d{number // A_DOCUMENT}", 800 * (number % A_DOCUMENT)
    names = {"id": _id(number), "document": document, "source": document, "title": document, "text": text}
    return json.dumps({**names, "headings": [], "start": start, "end": start + len(text), "page_breaks": []})


def _said(words: Sequence[Sequence[str]], number: int) -> str:
    document = words[number % len(words)]
    start = (number * 37) % (len(document) - 110)
    return f"Copy {number}. {' '.join(document[start : start + 110])}"


def questions_of(data: Path, count: int) -> list[str]:
    """The questions of aws-docs-qa, then those of squad2-dev, about other things."""
    questions = []
    for name in ("aws-docs-qa", "squad2-dev"):
        with (data / name / "queries.jsonl").open(encoding="utf-8") as rows:
            questions += [json.loads(row)["question"] for row in rows]
    return list(dict.fromkeys(questions))[:count]
