"""Statistics for few queries: paired, aware of clusters, and silent where nothing can be said.

Undefined is None, never 0.0. Every random draw comes from a seed that the caller gives.
"""

from groundtune.experiment.statistics.difference import Difference, paired_difference
from groundtune.experiment.statistics.mean import Interval, mean_interval, rate_interval, wilson
from groundtune.experiment.statistics.permutation import mcnemar_midp, sign_flip, step_down_max_t
from groundtune.experiment.statistics.posterior import Comparison, compare, expected_regret, posterior_means
from groundtune.experiment.statistics.resampling import bootstrap_draws, bootstrap_interval

__all__ = [
    "Comparison",
    "Difference",
    "Interval",
    "bootstrap_draws",
    "bootstrap_interval",
    "compare",
    "expected_regret",
    "mcnemar_midp",
    "mean_interval",
    "paired_difference",
    "posterior_means",
    "rate_interval",
    "sign_flip",
    "step_down_max_t",
    "wilson",
]
