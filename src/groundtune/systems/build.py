"""The four systems from their parts: two models, one template, one retriever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from groundtune.models import Model
from groundtune.records import SYSTEM_IDS, SystemId
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import Retriever
from groundtune.systems.sufficiency import Sufficiency
from groundtune.systems.system import System

__all__ = ["Parts", "build_systems", "with_evidence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the four systems are made of.

    Attributes:
        base: The model as it comes.
        tuned: The same model with tuned weights; None leaves the tuned cells out.
        retriever: Serves both retrieval cells.
        answer_from: The calibrated confidence by system; a missing one answers always.
        sufficiency: What the confidence is made with, by system; a missing one takes the model's own.
    """

    base: Model
    tuned: Model | None
    template: PromptTemplate
    retriever: Retriever
    answer_from: Mapping[str, float]
    sufficiency: Mapping[str, Sufficiency] = field(default_factory=dict)


def build_systems(parts: Parts) -> dict[str, System]:
    """The cells of the 2x2 that can be built, simplest first."""
    switches: dict[SystemId, tuple[Model | None, Retriever | None]] = {
        "prompt": (parts.base, None),
        "rag": (parts.base, parts.retriever),
        "tuned": (parts.tuned, None),
        "tuned_rag": (parts.tuned, parts.retriever),
    }
    return {
        name: System(
            id=name,
            model=model,
            template=parts.template,
            retriever=retriever,
            answer_from=parts.answer_from.get(name, 0.0),
            sufficiency=parts.sufficiency.get(name),
        )
        for name in SYSTEM_IDS
        for model, retriever in [switches[name]]
        if model is not None
    }


def with_evidence(system: System, gold: Retriever) -> System:
    """The counterfactual arm of a system: the same weights and prompt over the gold evidence."""
    return replace(system, id=f"{system.id}+gold", retriever=gold)
