"""Gates after training: overfitting, forgetting, comparison with the base, parity of the export."""

from groundtune.training.after.comparison import DevRow
from groundtune.training.after.examine import AfterTraining, examine_tuned
from groundtune.training.after.forgetting import Outcome, Subject, run_suite
from groundtune.training.after.overfit import Look
from groundtune.training.after.parity import ParityCase
from groundtune.training.after.suite import SuiteItem, load_suite

__all__ = [
    "AfterTraining",
    "DevRow",
    "Look",
    "Outcome",
    "ParityCase",
    "Subject",
    "SuiteItem",
    "examine_tuned",
    "load_suite",
    "run_suite",
]
