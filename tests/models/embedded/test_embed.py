from __future__ import annotations

import numpy as np
import pytest

from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.weights import BaseWeights

# First numbers of the vectors that sentence-transformers 6.2.0 (float32, at most 256 tokens) gives these texts.
REFERENCE = {
    "How old must I be?": [0.0755, 0.02026, 0.00953, 0.01495, -0.02092, 0.04004, 0.01332, -0.04179],
    "word " * 300: [-0.00812, -0.09559, -0.03867, 0.04966, -0.04379, 0.02372, -0.01814, -0.02021],
}


def test_vectors_are_those_of_the_reference(embedding: EmbeddedEmbedding) -> None:
    vectors = embedding.embed(list(REFERENCE))
    assert vectors.shape == (2, embedding.dimensions) == (2, 384)
    np.testing.assert_allclose(vectors[:, :8], list(REFERENCE.values()), atol=2e-5)


def test_bf16_keeps_the_direction(embedding: EmbeddedEmbedding, base: BaseWeights) -> None:
    texts = ["How old must I be?", "Where is my card?", "", "a longer text about exchange rates " * 20]
    half = EmbeddedEmbedding.of(base, precision="bf16").embed(texts)
    assert (half * embedding.embed(texts)).sum(1).min() > 0.9998


def test_ids_of_the_one_tokenisation_give_the_same_vectors(tiny_embedding: EmbeddedEmbedding) -> None:
    texts = ["my card is lost", "", "pin " * 400]
    ids = [tiny_embedding.tokens.encode(text).ids for text in texts]
    np.testing.assert_array_equal(tiny_embedding.embed(texts), tiny_embedding.embed_ids(ids))


def test_the_name_is_that_of_the_weights(tiny: BaseWeights) -> None:
    assert EmbeddedEmbedding.of(tiny).name == "embedded/all-MiniLM-L6-v2@000000000000"


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800"])
def test_odd_texts_have_vectors(tiny_embedding: EmbeddedEmbedding, text: str) -> None:
    assert np.linalg.norm(tiny_embedding.embed([text])) == pytest.approx(1.0, rel=1e-5)
