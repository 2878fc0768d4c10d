"""The 2x2: one class with two switches, the weights and the context."""

from groundtune.systems.few_shot import candidate_sets
from groundtune.systems.prompt import PromptTemplate
from groundtune.systems.retrievers import GoldEvidence, KnowledgeRetriever, Retriever
from groundtune.systems.system import System

__all__ = ["GoldEvidence", "KnowledgeRetriever", "PromptTemplate", "Retriever", "System", "candidate_sets"]
