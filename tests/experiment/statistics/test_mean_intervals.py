"""Intervals of one mean against scipy and against the matrices of the paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

from groundtune.experiment.statistics import Interval, mean_interval, rate_interval, wilson
from groundtune.experiment.statistics.clusters import cluster_sums, design_effect, number_clusters
from groundtune.experiment.statistics.mean import ClusterMean, cluster_robust_mean


@given(st.integers(1, 200), st.data())
def test_wilson_is_scipys(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_of_nothing_is_undefined_and_of_nonsense_refused() -> None:
    assert wilson(0, 0) is None
    with pytest.raises(ValueError, match="between 0 and n = 3"):
        wilson(4, 3)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=40).filter(lambda values: len(set(values)) > 2))
def test_without_clusters_it_is_students_t(values: list[float]) -> None:
    interval = mean_interval(values)
    assert interval is not None
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert interval == pytest.approx((max(0, expected.low), min(1, expected.high)), abs=1e-9)


def by_matrices(values: list[float], clusters: list[int]) -> ClusterMean:
    """CR2 and its degrees of freedom as Bell and McCaffrey (2002) write them, with all matrices spelled out."""
    y, groups = np.array(values), np.array(clusters)
    n = len(y)
    x = np.ones((n, 1))
    bread = linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    beta = bread @ x.T @ y
    residual = y - x @ beta
    middle = np.zeros((1, 1))
    columns = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        roots, vectors = linalg.eigh(np.eye(len(rows)) - hat[np.ix_(rows, rows)])
        adjust = vectors @ np.diag(roots**-0.5) @ vectors.T
        score = x[rows].T @ adjust @ residual[rows]
        middle += np.outer(score, score)
        columns.append((np.eye(n) - hat)[:, rows] @ adjust @ x[rows] @ bread)
    variance = (bread @ middle @ bread)[0, 0]
    g = np.hstack(columns)
    eigenvalues = linalg.eigvalsh(g.T @ g)
    return ClusterMean(float(beta[0]), float(np.sqrt(variance)), float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum()))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 4)), min_size=6, max_size=25))
def test_the_cluster_robust_mean_is_that_of_the_matrices(rows: list[tuple[float, int]]) -> None:
    values, clusters = [row[0] for row in rows], [row[1] for row in rows]
    found = cluster_robust_mean(np.array(values), number_clusters(clusters, len(rows)))
    if len(set(clusters)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(by_matrices(values, clusters), rel=1e-6, abs=1e-7)


def test_equal_clusters_are_a_t_test_on_their_means() -> None:
    values = [0.1, 0.3, 0.2, 0.6, 0.9, 0.8, 0.4, 0.5]
    found = cluster_robust_mean(np.array(values), number_clusters([0, 0, 1, 1, 2, 2, 3, 3], 8))
    means = np.array(values).reshape(4, 2).mean(axis=1)
    assert found == pytest.approx((means.mean(), means.std(ddof=1) / 2, 3))


def test_one_value_has_no_interval() -> None:
    assert mean_interval([0.5]) is None
    assert mean_interval([]) is None
    assert mean_interval([0.5, 0.7], ["same", "same"]) is None


def test_right_or_wrong_scores_take_wilson() -> None:
    assert mean_interval([1.0, 0.0, 1.0, 1.0]) == wilson(3, 4)
    assert rate_interval([True, True, True]) == wilson(3, 3)
    assert rate_interval([]) is None


def test_equal_outcomes_count_by_cluster() -> None:
    assert rate_interval([True] * 20, [n // 5 for n in range(20)]) == pytest.approx(wilson(4, 4))


def test_clusters_that_agree_widen_the_interval() -> None:
    hits = [n // 5 % 2 == 0 for n in range(50)]
    clustered, plain = rate_interval(hits, [n // 5 for n in range(50)]), wilson(25, 50)
    assert isinstance(clustered, Interval)
    assert plain is not None
    assert clustered.high - clustered.low > 1.8 * (plain.high - plain.low)


def test_clusters_as_numbers() -> None:
    assert number_clusters(["b", "a", "b"], 3).tolist() == [0, 1, 0]
    assert number_clusters(None, 3).tolist() == [0, 1, 2]
    assert cluster_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0])).tolist() == [5.0, 2.0]
    with pytest.raises(ValueError, match="3 values need 3 clusters"):
        number_clusters(["a"], 3)


def test_the_design_effect_of_equal_and_unequal_clusters() -> None:
    assert design_effect(number_clusters(None, 9)) == 1
    assert design_effect(number_clusters([n // 5 for n in range(50)], 50), icc=0.2) == pytest.approx(1.8)
    assert design_effect(number_clusters([0, 0, 0, 1], 4), icc=0.5) == pytest.approx(1 + (10 / 4 - 1) * 0.5)
