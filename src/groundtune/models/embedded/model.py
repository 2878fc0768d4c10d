"""The embedded model as one generator: it reads, recalls, chooses and fills slots; what it cannot do it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from groundtune.errors import CannotDo, ModelError
from groundtune.models.embedded.checkpoint import Checkpoint, read_checkpoint
from groundtune.models.embedded.choose import Chooser
from groundtune.models.embedded.embed import EmbeddedEmbedding
from groundtune.models.embedded.fill import fill
from groundtune.models.embedded.recall import PRIOR, Recall, Recalled, Trust
from groundtune.models.embedded.runtime import Encoder
from groundtune.models.embedded.shipped import READER_SHA256, load_reader, shipped_reader
from groundtune.models.embedded.vectors import VectorMemory
from groundtune.models.embedded.weights import BaseWeights, base_weights
from groundtune.records import Demonstration, Passage, Prompt, Quote, Reply, Usage

if TYPE_CHECKING:
    from groundtune.models.embedded.read import Reader, Reading

__all__ = ["EmbeddedModel"]

SENTENCE_WORDS = 8
"""When the few-shot answers have more words than this in the median, the reply is a whole sentence, else a span."""

NOTHING_LEARNED = "no passage to read, and no learned question that is like this one"
NOT_HERE = "none of the passages holds the answer"
NOTHING_TO_READ = "the passages have no text"


class EmbeddedModel:
    """Base or tuned weights; safe to call from many threads. Parts are compiled when they are first needed."""

    def __init__(
        self,
        weights: BaseWeights,
        checkpoint: Checkpoint | None = None,
        *,
        embedding: EmbeddedEmbedding | None = None,
        abstain_above: float = 1.0,
    ) -> None:
        """Put a model together.

        Args:
            weights: The base weights.
            checkpoint: What tuning made of them: a reader, a chooser, learned questions; None is the model as it comes.
            embedding: The base weights compiled already, to share them; None compiles them when they are needed.
            abstain_above: Probability in [0, 1] that no passage holds the answer, above which it abstains by itself.
                1 never does: the system around it decides by the confidence of the reply.
        """
        self._weights = weights
        self._checkpoint = checkpoint
        self._given = embedding
        self._abstain_above = abstain_above

    @classmethod
    def load(
        cls,
        weights: BaseWeights | Path | None = None,
        checkpoint: Path | None = None,
        *,
        embedding: EmbeddedEmbedding | None = None,
        abstain_above: float = 1.0,
    ) -> EmbeddedModel:
        """Load weights and, where there is one, a checkpoint folder.

        Raises:
            WeightsError: when either is missing, damaged, or they do not belong together.
        """
        base = weights if isinstance(weights, BaseWeights) else base_weights(weights)
        tuned = read_checkpoint(checkpoint, base) if checkpoint else None
        return cls(base, tuned, embedding=embedding, abstain_above=abstain_above)

    @property
    def name(self) -> str:
        """Base weights, shipped reader and checkpoint in one line."""
        base = f"embedded/all-MiniLM-L6-v2@{self._weights.sha256[:12]}/reader@{READER_SHA256[:12]}"
        return f"{base}+{self._checkpoint.card.kind}@{self._checkpoint.id}" if self._checkpoint else base

    def reply(self, prompt: Prompt) -> Reply:
        """Reply to one prompt.

        Raises:
            CannotDo: for ``write``, and for a schema that is not flat.
            ModelError: when there is nothing to choose from.
        """
        if prompt.task == "answer":
            return self._answer(prompt)
        if prompt.task == "classify":
            return self._classify(prompt)
        if prompt.task == "extract":
            return self._extract(prompt)
        raise CannotDo(
            'The embedded model selects text, it does not write any. For task = "write" name a model that does: '
            '[model] provider = "openai" (any OpenAI-compatible endpoint) or "transformers" (local weights).'
        )

    # -- answer

    def _answer(self, prompt: Prompt) -> Reply:
        if not prompt.passages:
            return self._recalled(prompt, self._remembered(prompt))
        texts = [i for i, passage in enumerate(prompt.passages) if passage.answer is None]
        solved = [i for i, passage in enumerate(prompt.passages) if passage.answer is not None]
        reading = self._reader.read(prompt.question, [prompt.passages[i].text for i in texts]) if texts else None
        recalled = self._demonstrated(prompt, [prompt.passages[i] for i in solved])
        if recalled and (reading is None or recalled.probability > 1.0 - reading.not_here):
            passage = solved[recalled.index]
            return self._recalled(
                prompt, recalled, Quote(passage=passage, start=0, end=len(prompt.passages[passage].text))
            )
        if reading is None:
            return self._abstain(prompt, NOTHING_TO_READ)
        if reading.not_here > self._abstain_above:
            return self._abstain(prompt, NOT_HERE)
        return self._read(prompt, reading, texts[reading.passage])

    def _read(self, prompt: Prompt, reading: Reading, passage: int) -> Reply:
        start, end = reading.sentence if _wants_sentences(prompt.examples) else (reading.start, reading.end)
        text = prompt.passages[passage].text[start:end]
        return Reply(
            text=text,
            reason=None,
            quotes=(Quote(passage=passage, start=start, end=end),),
            confidence=1.0 - reading.not_here,
            usage=self._usage(prompt, text),
        )

    def _recalled(self, prompt: Prompt, recalled: Recalled | None, quote: Quote | None = None) -> Reply:
        if recalled is None:
            return self._abstain(prompt, NOTHING_LEARNED)
        return Reply(
            text=recalled.answer,
            reason=None,
            quotes=(quote,) if quote else (),
            confidence=recalled.probability,
            usage=self._usage(prompt, recalled.answer),
        )

    def _remembered(self, prompt: Prompt) -> Recalled | None:
        """From the questions that tuning learned, or from the few-shot examples."""
        vector = self._memory.of([prompt.question])[0]
        if self._learned is not None:
            return self._learned.best(vector)
        questions = self._memory.of([example.question for example in prompt.examples])
        return Recall(questions, [example.answer for example in prompt.examples], PRIOR).best(vector)

    def _demonstrated(self, prompt: Prompt, passages: Sequence[Passage]) -> Recalled | None:
        questions = self._memory.of([passage.text for passage in passages])
        answers = [passage.answer or "" for passage in passages]
        return Recall(questions, answers, PRIOR).best(self._memory.of([prompt.question])[0])

    # -- classify and extract

    def _classify(self, prompt: Prompt) -> Reply:
        answers = [example.answer for example in prompt.examples]
        answers += [passage.answer for passage in prompt.passages if passage.answer is not None]
        labels = prompt.labels or tuple(dict.fromkeys(answers))
        if not labels:
            raise ModelError(
                "There is no label to choose from. Name them in groundtune.toml ([project] labels = [...]), "
                "or give examples that carry them."
            )
        choice = self._chooser.choose(prompt.question, labels, prompt.examples, prompt.passages)
        return Reply(
            text=choice.label,
            reason=None,
            quotes=tuple(Quote(passage=i, start=0, end=len(prompt.passages[i].text)) for i in choice.support[:1]),
            confidence=choice.probability,
            usage=self._usage(prompt, choice.label),
        )

    def _extract(self, prompt: Prompt) -> Reply:
        filled = fill(prompt, self._reader, self._chooser)
        if filled.missing is not None:
            return self._abstain(prompt, f"nothing was found that may stand in the slot {filled.missing!r}")
        return Reply(
            text=filled.text,
            reason=None,
            quotes=filled.quotes,
            confidence=filled.confidence,
            usage=self._usage(prompt, filled.text),
        )

    # -- parts

    @cached_property
    def _embedding(self) -> EmbeddedEmbedding:
        return self._given or EmbeddedEmbedding.of(self._weights)

    @cached_property
    def _memory(self) -> VectorMemory:
        return VectorMemory(self._embedding)

    @cached_property
    def _reader(self) -> Reader:
        tuned = self._checkpoint
        if tuned is None or tuned.card.kind != "reader":
            return shipped_reader(self._weights).reader(self._weights)
        return load_reader(tuned.path, self._weights).reader(self._weights)

    @cached_property
    def _chooser(self) -> Chooser:
        tuned = self._checkpoint
        if tuned is None or tuned.card.chooser is None:
            return Chooser(self._embedding)
        encoder = Encoder(tuned.tensors, self._weights.config)
        prototypes = dict(zip(tuned.card.chooser.labels, tuned.tensors["chooser.label.weight"], strict=True))
        embedding = EmbeddedEmbedding(encoder, self._embedding.tokens, self.name)
        return Chooser(embedding, prototypes, tuned.card.chooser.label_weight)

    @cached_property
    def _learned(self) -> Recall | None:
        if self._checkpoint is None or self._checkpoint.card.recall is None or self._checkpoint.recall is None:
            return None
        card = self._checkpoint.card.recall
        return Recall(self._checkpoint.recall, card.answers, Trust(card.slope, card.intercept))

    def _abstain(self, prompt: Prompt, reason: str) -> Reply:
        return Reply(text="", reason=reason, quotes=(), confidence=None, usage=self._usage(prompt, ""))

    def _usage(self, prompt: Prompt, text: str) -> Usage:
        """Tokens of the question, the passages and the answer: what was read and what was said."""
        encodings = self._embedding.tokens.encode_batch([text, prompt.question, *(p.text for p in prompt.passages)])
        return Usage(input_tokens=sum(map(len, encodings[1:])), output_tokens=len(encodings[0]))


def _wants_sentences(examples: Sequence[Demonstration]) -> bool:
    return bool(examples) and median(len(example.answer.split()) for example in examples) > SENTENCE_WORDS
