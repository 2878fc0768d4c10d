"""Tuning by a provider: OpenAI's fine-tuning API, and any server that speaks it.

`HostedTuning` writes the files and quotes the cost, then uploads, starts the job, follows it and brings its result.
"""

from groundtune.training.hosted.job import Event, StepMetrics
from groundtune.training.hosted.quote import Quote
from groundtune.training.hosted.state import Recipe, State
from groundtune.training.hosted.tuning import HostedCheckpoint, HostedTuned, HostedTuning

__all__ = [
    "Event",
    "HostedCheckpoint",
    "HostedTuned",
    "HostedTuning",
    "Quote",
    "Recipe",
    "State",
    "StepMetrics",
]
