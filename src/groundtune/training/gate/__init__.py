"""The gate before training: what the examples hold, and whether they may be trained on."""

from groundtune.training.gate.counts import MINIMUM, MINIMUM_PER_LABEL, RELIABLE
from groundtune.training.gate.examine import examine
from groundtune.training.gate.findings import Finding, GateReport, Row, require_open
from groundtune.training.gate.libraries import require_libraries
from groundtune.training.gate.material import Against, Embed, Room

__all__ = [
    "MINIMUM",
    "MINIMUM_PER_LABEL",
    "RELIABLE",
    "Against",
    "Embed",
    "Finding",
    "GateReport",
    "Room",
    "Row",
    "examine",
    "require_libraries",
    "require_open",
]
