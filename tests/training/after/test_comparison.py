from __future__ import annotations

from groundtune.training.after.comparison import DevRow, against_base


def rows(base: list[float | None], tuned: list[float | None], cluster: str | None = None) -> list[DevRow]:
    return [
        DevRow(base_text="", tuned_text="", base_score=b, tuned_score=t, cluster=cluster and f"{cluster}{place // 10}")
        for place, (b, t) in enumerate(zip(base, tuned, strict=True))
    ]


def passed(found: list[DevRow]) -> bool | None:
    gate = against_base(found)
    assert gate is not None
    return gate.passed


def test_a_better_model_passes_and_a_worse_one_fails() -> None:
    worse, better = [0.0, 1.0] * 40, [1.0] * 60 + [0.0] * 20
    assert passed(rows([*worse], [*better])) is True
    assert passed(rows([*better], [*worse])) is False


def test_too_few_queries_show_nothing() -> None:
    assert passed(rows([1.0] * 10, [1.0] * 10)) is None


def test_queries_of_one_document_count_less() -> None:
    base: list[float | None] = [0.5] * 60
    tuned: list[float | None] = [0.5 + (0.01 if place < 40 else -0.03) for place in range(60)]
    assert passed(rows(base, tuned)) is True
    assert passed(rows(base, tuned, cluster="document")) is True
    harder = [None if t is None else 0.5 + 4 * (t - 0.5) for t in tuned]
    assert passed(rows(base, harder)) is True
    assert passed(rows(base, harder, cluster="document")) is None


def test_without_dev_queries_there_is_no_gate() -> None:
    assert against_base([]) is None


def test_scores_that_are_missing_are_not_zeros() -> None:
    gate = against_base(rows([0.8, None] * 40, [0.8, 0.1] * 40))
    assert gate is not None
    assert gate.value == 0.0
    assert gate.note.startswith("+0.0 points on 40 items")
