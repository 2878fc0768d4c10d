"""The split keeps clusters whole, loses nothing, and is the same wherever it is made."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundtune.experiment.split import cluster_queries, split_queries
from groundtune.records import Evidence, Query

WORDS = st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"])


@st.composite
def query_lists(draw: st.DrawFn) -> list[Query]:
    return [
        Query(
            id=str(number),
            question=" ".join(draw(st.lists(WORDS, min_size=1, max_size=6))),
            answers=(draw(st.sampled_from(["yes", "no"])),),
            evidence=tuple(
                Evidence(doc=doc) for doc in draw(st.lists(st.sampled_from(["d1", "d2", "d3"]), max_size=2))
            ),
            cluster=draw(st.none() | st.sampled_from(["x", "y", "z"])),
            split=draw(st.sampled_from([None, None, "dev", "test"])),
        )
        for number in range(draw(st.integers(0, 30)))
    ]


QUERIES = query_lists()


@given(QUERIES, st.integers(0, 5))
def test_nothing_is_lost_and_the_users_own_split_is_kept(queries: list[Query], seed: int) -> None:
    split = split_queries(queries, seed=seed)
    assert Counter([*split.dev, *split.test]) == Counter(queries)
    assert all(query.split != "test" for query in split.dev)
    assert all(query.split != "dev" for query in split.test)


@given(QUERIES, st.integers(0, 5))
def test_no_cluster_is_on_both_sides_unless_the_user_put_it_there(queries: list[Query], seed: int) -> None:
    split = split_queries(queries, seed=seed)
    dev = {split.clusters[query.id] for query in split.dev}
    test = {split.clusters[query.id] for query in split.test}
    assert dev & test == set(split.straddling)
    for cluster in split.straddling:
        own = {query.split for query in queries if split.clusters[query.id] == cluster}
        assert {"dev", "test"} <= own


@given(QUERIES, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(queries: list[Query], seed: int, shuffler: random.Random) -> None:
    shuffled = list(queries)
    shuffler.shuffle(shuffled)
    first, second = split_queries(queries, seed=seed), split_queries(shuffled, seed=seed)
    assert set(first.dev) == set(second.dev)
    assert first.clusters == second.clusters


@given(QUERIES)
def test_queries_that_share_a_document_are_together(queries: list[Query]) -> None:
    clusters = cluster_queries(queries)
    for first in queries:
        for second in queries:
            shared = {e.doc for e in first.evidence} & {e.doc for e in second.evidence}
            if shared and first.cluster is None and second.cluster is None:
                assert clusters[first.id] == clusters[second.id]


def alone(count: int, start: int = 0) -> list[Query]:
    numbers = range(start, start + count)
    return [Query(id=f"q{n}", question=f"what is number{n} of row{n}", answers=(f"a{n}",)) for n in numbers]


@given(st.integers(0, 200), st.integers(1, 20), st.integers(0, 3))
def test_added_rows_make_no_two_queries_change_places(count: int, more: int, seed: int) -> None:
    before, after = split_queries(alone(count), seed=seed), split_queries(alone(count + more), seed=seed)
    old = {query.id for query in before.dev}
    new = {query.id for query in after.dev if int(query.id[1:]) < count}
    assert old <= new or new <= old


@pytest.mark.parametrize(("count", "dev"), [(1, 0), (2, 1), (3, 1), (50, 20), (99, 40), (100, 30), (1000, 300)])
def test_the_share_of_dev(count: int, dev: int) -> None:
    split = split_queries(alone(count), seed=7)
    assert len(split.dev) == dev


def test_another_seed_is_another_split() -> None:
    assert split_queries(alone(50), seed=1).dev != split_queries(alone(50), seed=2).dev


def test_labels_are_dealt_out_evenly() -> None:
    queries = [
        Query(id=f"{label}{n}", question=f"message{n} about{label}{n} thing{n}", answers=(label,))
        for label, count in (("card", 40), ("loan", 20), ("rare", 2))
        for n in range(count)
    ]
    split = split_queries(queries, seed=7)
    assert Counter(query.answers[0] for query in split.dev if query.answers[0] != "rare") == {"card": 16, "loan": 8}
    assert len(split.dev) in (24, 25)


def test_near_duplicates_are_together_and_others_are_not() -> None:
    queries = [
        Query(id="a", question="How do I reset the password of my account?"),
        Query(id="b", question="how do i reset the password of my account now"),
        Query(id="c", question="How do I close my account?"),
        Query(id="d", question="???"),
        Query(id="e", question="!"),
    ]
    clusters = cluster_queries(queries)
    assert clusters["a"] == clusters["b"]
    assert clusters["d"] == clusters["e"]
    assert len(set(clusters.values())) == 3


def test_one_big_document_does_not_fill_dev() -> None:
    queries = [
        Query(id=str(n), question=f"q{n}", evidence=(Evidence(doc="big" if n < 45 else f"d{n}"),)) for n in range(50)
    ]
    split = split_queries(queries, seed=3)
    assert len(split.test) >= 25
    assert split_queries(queries[:45], seed=3).dev == ()
