"""Training sums on one thread, in child processes too: other threads sum in another order and end elsewhere."""

from __future__ import annotations

import os
from contextlib import suppress

os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start, and kill

with suppress(ImportError):  # the gates need no torch
    import torch

    torch.set_num_threads(1)  # for this process; tiny tensors on many threads only wait for one another
