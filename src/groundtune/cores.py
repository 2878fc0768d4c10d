"""How many processor cores this process may use."""

from __future__ import annotations

import os
import platform

__all__ = ["cores"]


def cores() -> int:
    """Cores that the process is allowed to run on, at least 1; a container or ``taskset`` may give it few of many."""
    if platform.system() == "Linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
