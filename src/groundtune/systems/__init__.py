"""The 2x2: one class with two switches, the weights and the context; and systems and retrievers that others made."""

from groundtune.systems.arms import BareChat, CallableArm, load_arms
from groundtune.systems.build import Parts, build_systems, with_evidence
from groundtune.systems.few_shot import candidate_sets, choose_set
from groundtune.systems.long_context import LongContext, Window, build_long_context
from groundtune.systems.optimised import Optimised, optimise_instruction
from groundtune.systems.origins import Origins
from groundtune.systems.others import OthersRetriever, load_retriever
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import GoldEvidence, KnowledgeRetriever, Retriever
from groundtune.systems.stores import PgVectorTable, QdrantCollection
from groundtune.systems.system import System

__all__ = [
    "BareChat",
    "CallableArm",
    "GoldEvidence",
    "KnowledgeRetriever",
    "LongContext",
    "Optimised",
    "Origins",
    "OthersRetriever",
    "Parts",
    "PgVectorTable",
    "PromptTemplate",
    "QdrantCollection",
    "Retriever",
    "System",
    "Window",
    "build_long_context",
    "build_systems",
    "candidate_sets",
    "choose_set",
    "load_arms",
    "load_retriever",
    "optimise_instruction",
    "with_evidence",
]
