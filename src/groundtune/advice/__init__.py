"""Advice before there is data: a questionnaire, rules with sources, and a forecast that can be scored later."""

from __future__ import annotations

from groundtune.advice.answers import Answers, parse_answers, read_answers
from groundtune.advice.forecast import Forecast, advise

__all__ = ["Answers", "Forecast", "advise", "parse_answers", "read_answers"]
