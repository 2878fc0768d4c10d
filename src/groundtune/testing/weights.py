"""Tiny base weights with a tokenizer of 28 words, for tests that need a whole model and no quality."""

from __future__ import annotations

import json
from pathlib import Path

from groundtune.models.embedded.weights import BaseWeights, EncoderConfig
from groundtune.testing.encoders import TINY, tiny_tensors

__all__ = ["WORDS", "tiny_weights"]

WORDS = [
    "card", "lost", "stolen", "pin", "blocked", "age", "limit", "how", "old", "must", "i", "be", "my", "is",
    "where", "the", "new", "transfer", "late", "money", "rate", "exchange", "what", "child", "account", "?", ".", "5",
]  # fmt: skip
"""Every word that the tiny tokenizer knows."""


def tiny_weights(folder: Path, config: EncoderConfig = TINY) -> BaseWeights:
    """Random weights; the tokenizer is written to ``folder``."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    special = [
        {"id": vocabulary[word], "content": word, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for word in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    return BaseWeights(folder=folder, tensors=tiny_tensors(config), config=config, tokenizer_path=path, sha256="0" * 64)
