"""Any embedding model of sentence-transformers: its vectors, its prompts, its name, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from groundtune.errors import WeightsError
from groundtune.knowledge import KnowledgeBase
from groundtune.knowledge.embedding import question_vector
from groundtune.testing.cross_encoder import tiny_cross_encoder

pytest.importorskip("sentence_transformers")

from groundtune.models.transformers.embedding import SentenceEmbedding

WORDS = ["when", "does", "the", "gate", "close", "closes", "at", "eight", "?", ".", "fees", "visitors", "park", "query"]
PROMPTS = {"query": "query ", "document": ""}


def folder(at: Path, prompts: dict[str, str] | None = None) -> Path:
    """A tiny embedding model of random weights."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    inner = tiny_cross_encoder(at / "inner", WORDS)
    encoder = SentenceTransformer(modules=[Transformer(str(inner)), Pooling(16)], prompts=prompts, device="cpu")
    encoder.save(str(at / "tiny"), create_model_card=False)
    return at / "tiny"


def test_vectors_are_unit_vectors_in_the_order_of_their_texts(tmp_path: Path) -> None:
    embedding = SentenceEmbedding.load(str(folder(tmp_path)))
    texts = ["the gate closes at eight .", "fees", "when does the park close ?"]
    vectors = embedding.embed(texts)
    assert vectors.shape == (3, embedding.dimensions) == (3, 16)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[1], embedding.embed(["fees"])[0], atol=1e-5)
    assert embedding.embed([]).shape == (0, 16)
    assert np.array_equal(embedding.embed_questions(texts), vectors)


def test_a_question_is_read_with_the_words_that_the_model_wants_before_it(tmp_path: Path) -> None:
    embedding = SentenceEmbedding.load(str(folder(tmp_path, PROMPTS)))
    asked = question_vector(embedding, "when does the gate close ?")
    assert np.allclose(asked, embedding.embed(["query when does the gate close ?"])[0], atol=1e-5)
    assert not np.allclose(asked, embedding.embed(["when does the gate close ?"])[0], atol=1e-3)


def test_other_prompts_or_pooling_are_another_model(tmp_path: Path) -> None:
    path = folder(tmp_path)
    names = {SentenceEmbedding.load(str(path)).name}
    for file, key, value in [
        ("config_sentence_transformers.json", "prompts", PROMPTS),
        ("1_Pooling/config.json", "pooling_mode", "cls"),
    ]:
        stored = json.loads((path / file).read_text(encoding="utf-8"))
        (path / file).write_text(json.dumps({**stored, key: value}), encoding="utf-8")
        names.add(SentenceEmbedding.load(str(path)).name)
    assert len(names) == 3
    assert all(name.startswith("transformers/tiny@") for name in names)


def test_a_knowledge_base_searches_with_it(tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text("The gate closes at eight.\n", encoding="utf-8")
    base = KnowledgeBase(tmp_path / "knowledge", SentenceEmbedding.load(str(folder(tmp_path, PROMPTS))))
    assert base.sync(["gate.md"], tmp_path).added == 1
    assert [hit.passage.document for hit in base.search("when does the gate close ?", 3, "dense")] == ["gate.md"]


def test_what_is_no_embedding_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no modules\.json"):
        SentenceEmbedding.load(str(tiny_cross_encoder(tmp_path / "reranker", WORDS)))
    with pytest.raises(WeightsError, match="no such folder"):
        SentenceEmbedding.load("./nowhere")


def test_a_layer_whose_weights_are_pickled_is_refused_unless_they_are_safetensors_too(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "1_Pooling" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(WeightsError, match="pickled"):
        SentenceEmbedding.load(str(path))
    (path / "1_Pooling" / "model.safetensors").write_bytes(b"")
    SentenceEmbedding.load(str(path))


def test_no_code_of_the_folder_is_run(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "own.py").write_text("raise SystemExit('run')\n", encoding="utf-8")
    modules = json.loads((path / "modules.json").read_text(encoding="utf-8"))
    modules[0]["type"] = "own.Module"
    (path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(WeightsError):
        SentenceEmbedding.load(str(path))
