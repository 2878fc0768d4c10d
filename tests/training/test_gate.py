from __future__ import annotations

import sys

import pytest

from groundtune.errors import Fault, GateClosed, MissingExtra
from groundtune.records import Example, Message
from groundtune.training.gate import (
    MINIMUM,
    MINIMUM_PER_LABEL,
    RELIABLE,
    Against,
    Finding,
    GateReport,
    Row,
    examine,
    require_libraries,
    require_open,
)


def examples(*labels: str) -> list[Example]:
    return [
        Example(id=str(n), messages=(Message(role="user", content=f"q{n}"), Message(role="assistant", content=label)))
        for n, label in enumerate(labels)
    ]


def test_too_few_examples_are_refused_with_the_number_that_is_missing() -> None:
    with pytest.raises(GateClosed, match=r"20 examples.*30 are missing(.|\n)*--force") as caught:
        require_open(examine(examples(*"a" * 20), "answer"))
    assert caught.value.exit_code == 3


def test_enough_examples_open_the_gate_with_a_warning_that_names_the_curve_below_the_reliable_count() -> None:
    report = examine(examples(*"a" * MINIMUM["answer"]), "answer")
    assert report.is_open
    assert "unreliable" in report.warnings[0]
    assert "groundtune tune --curve" in report.warnings[0]
    assert not any("unreliable" in warning for warning in examine(examples(*"a" * RELIABLE), "answer").warnings)


def test_one_label_only_leaves_nothing_to_choose() -> None:
    assert "same label" in examine(examples(*"a" * 60), "classify").missing[0]


def test_thin_labels_are_named() -> None:
    report = examine(examples(*"a" * 60, *"b" * (MINIMUM_PER_LABEL - 1)), "classify")
    assert f"'b' has {MINIMUM_PER_LABEL - 1}" in report.missing[0]


def test_what_closes_the_gate_comes_first() -> None:
    report = examine(examples(*"ab" * 30), "classify", Against(faults=[Fault(3, "broken")]))
    assert next(finding.severity for finding in report.findings) == "refuse"
    assert list(report.findings) == sorted(report.findings, key=lambda f: ("refuse", "warn", "note").index(f.severity))
    assert not report.is_open


def report(*kinds: str) -> GateReport:
    rows = tuple(Row(id=f"e{n}", line=n, detail="as before") for n in range(1, 31))
    findings = [Finding(kind=kind, severity="refuse", message=f"{kind}!", rows=rows, fix="leave_out") for kind in kinds]
    return GateReport(examples=100, findings=tuple(findings))


def test_a_refusal_names_the_first_rows_and_every_way_on() -> None:
    with pytest.raises(GateClosed) as caught:
        require_open(report("labels"))
    told = str(caught.value)
    assert "line 20: as before" in told
    assert "… and 10 more" in told
    assert "groundtune check --fix" in told
    assert "--force" in told


def test_force_opens_the_gate_for_everything_but_leakage() -> None:
    require_open(report("labels"), force=True)
    with pytest.raises(GateClosed) as caught:
        require_open(report("labels", "leakage"), force=True)
    assert "leakage!" in str(caught.value)
    assert "labels!" not in str(caught.value)
    assert "--force" not in str(caught.value)


@pytest.mark.parametrize("library", ["datasketch", "detect_secrets.core.scan", "phonenumbers", "validators"])
def test_a_gate_whose_library_is_missing_says_so_and_the_others_go_on(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    given = examples(*"a" * 20)
    given[3] = Example(id="3", messages=(Message(role="user", content="+49 30 901820"), given[3].messages[1]))
    found = examine(given, "answer").findings
    assert "groundtune[gate]" in next(finding.message for finding in found if finding.kind == "not_examined")
    assert any(finding.kind == "count" for finding in found)


def test_training_without_its_libraries_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"groundtune\[train\]"):
        require_libraries()
