"""A cross-encoder of sentence-transformers by path: the contract on a tiny one, and what is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from groundtune.errors import WeightsError
from groundtune.models import Reranker
from groundtune.models.transformers.reranking import SentenceReranker
from groundtune.testing.reranker_contract import RerankerContract

pytest.importorskip("sentence_transformers")

WORDS = ["when", "does", "the", "gate", "close", "closes", "at", "eight", "?", ".", "fees", "visitors", "park"]


def tiny_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """Random weights of a two-layer encoder with a classification head."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, set_seed

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, **names).save_pretrained(folder)
    set_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, num_labels=labels,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@cache
def tiny() -> SentenceReranker:
    return SentenceReranker.load(tiny_cross_encoder(Path(mkdtemp())))


class TestSentenceTransformers(RerankerContract):
    def make(self) -> Reranker:
        return tiny()


def test_weights_that_class_pairs_are_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="gives 3 scores"):
        SentenceReranker.load(tiny_cross_encoder(tmp_path, labels=3))


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no config\.json"):
        SentenceReranker.load(tmp_path)
