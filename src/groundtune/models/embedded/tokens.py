"""The one tokenisation that passages, embeddings and the reader share."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groundtune.errors import WeightsError

__all__ = ["Encoding", "Tokens"]

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """The tokens of one text, without special tokens.

    Attributes:
        ids: Token ids.
        offsets: For each token, where it stands in the text: code points, end exclusive.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.ids)


class Tokens:
    """The tokenizer of the base weights, without truncation or padding.

    A literal ``[SEP]`` in a text is ordinary characters: a document cannot forge the mark between question and passage.
    """

    def __init__(self, path: Path) -> None:
        """Load a tokenizer.json.

        Raises:
            WeightsError: when the file is not a tokenizer with the tokens [CLS] and [SEP].
        """
        from tokenizers import Tokenizer

        try:
            text = path.read_text(encoding="utf-8")
            json.loads(text)["model"]["vocab"]  # the Rust library says no more than "Exception" about a wrong file
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{path} is not a tokenizer that can be read: {error!r}") from error
        self._tokenizer = Tokenizer.from_str(text)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        self.cls = self._special(path, "[CLS]")
        self.sep = self._special(path, "[SEP]")

    def encode(self, text: str) -> Encoding:
        """The tokens of one text, all of them."""
        encoded = self._tokenizer.encode(_encodable(text), add_special_tokens=False)
        return Encoding(encoded.ids, encoded.offsets)

    def encode_batch(self, texts: Sequence[str]) -> list[Encoding]:
        """`encode` for many texts at once, in parallel."""
        if len(texts) == 1:  # a query: it need not wait for another thread
            return [self.encode(texts[0])]
        encoded = self._tokenizer.encode_batch([_encodable(text) for text in texts], add_special_tokens=False)
        return [Encoding(row.ids, row.offsets) for row in encoded]

    def _special(self, path: Path, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise WeightsError(f"{path} has no token {token}: it is not the tokenizer of a BERT encoder.")
        return int(number)


def _encodable(text: str) -> str:
    """The text with each lone surrogate (JSON can hold them, UTF-8 cannot) replaced by one other character."""
    return _SURROGATES.sub("\ufffd", text)
