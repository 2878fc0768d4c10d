"""Local fine-tuning of generators: conversations from examples, distillation, and supervised training with adapters.

Importing this package loads neither torch nor transformers: that happens when training begins.
"""

from groundtune.training.generator.conversations import Conversation, Mix, conversations
from groundtune.training.generator.distil import Distilled, Dropped, distil, licence_question
from groundtune.training.generator.encoding import LeftOut
from groundtune.training.generator.job import Step, Tuned
from groundtune.training.generator.launch import fine_tune
from groundtune.training.generator.recipe import Recipe

__all__ = [
    "Conversation",
    "Distilled",
    "Dropped",
    "LeftOut",
    "Mix",
    "Recipe",
    "Step",
    "Tuned",
    "conversations",
    "distil",
    "fine_tune",
    "licence_question",
]
