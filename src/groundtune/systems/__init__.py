"""The 2x2: one class with two switches, the weights and the context."""

from groundtune.systems.build import Parts, build_systems, with_evidence
from groundtune.systems.few_shot import candidate_sets
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import GoldEvidence, KnowledgeRetriever, Retriever
from groundtune.systems.system import System

__all__ = [
    "GoldEvidence",
    "KnowledgeRetriever",
    "Parts",
    "PromptTemplate",
    "Retriever",
    "System",
    "build_systems",
    "candidate_sets",
    "with_evidence",
]
