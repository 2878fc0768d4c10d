"""What tokens cost: the project's own prices, else the list that the package genai-prices brings along (no network).

Amounts are Decimals and in US dollars, so that sums over many calls are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from groundtune.models.openai.endpoint import OPENAI

if TYPE_CHECKING:
    from groundtune.records import Usage
    from groundtune.settings import ModelSettings, PriceSettings

__all__ = ["NoPrice", "Price", "Rates", "cost", "find_price", "most_cost"]

_MILLION = Decimal(1_000_000)

_RATES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
"""Prices of text tokens in genai-prices, in the order input, output, cached input, written to the cache."""

_ALSO_CHARGED = {"requests_kcount": "for each request", "output_reasoning_mtok": "apart for reasoning"}
"""Prices that a sum over tokens would leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars for one token.

    Attributes:
        input: Read anew.
        output: Written, reasoning included.
        cached_input: Read from the server's own cache.
        cache_write: Read anew and put into the server's cache; more than ``input`` at some providers.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal
    cache_write: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the tokens of one model cost.

    Attributes:
        rates: The usual ones.
        long: For long input: above this many input tokens, these rates hold for all tokens of a call; ascending.
        source: Where the price is from, with the version of a list.
        date: The day whose prices these are.
    """

    rates: Rates
    source: str
    date: date
    long: tuple[tuple[int, Rates], ...] = ()

    def rates_at(self, input_tokens: int) -> Rates:
        """The rates of a call with so many input tokens."""
        applying = [rates for above, rates in self.long if input_tokens > above]
        return applying[-1] if applying else self.rates

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values, in US dollars for a million tokens."""
        return {
            "input_usd_per_million": _per_million(self.rates.input),
            "cached_input_usd_per_million": _per_million(self.rates.cached_input),
            "output_usd_per_million": _per_million(self.rates.output),
            "source": self.source,
            "date": self.date.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPrice:
    """What the tokens cost is not known.

    Attributes:
        reason: Why, and what to do about it, in plain words.
    """

    reason: str

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"unknown": self.reason}


def cost(usage: Usage, price: Price) -> Decimal:
    """US dollars for the tokens of one call.

    Input tokens include the cached ones, as OpenAI counts; where the server does not say how many were cached, none
    counts as cached. Reasoning is part of the output. Nobody says how many tokens were written to the server's cache,
    so they count as plain input.
    """
    rates = price.rates_at(usage.input_tokens)
    return _sum(usage, rates, rates.input)


def most_cost(usage: Usage, price: Price) -> Decimal:
    """US dollars that one call with these tokens costs at most: as `cost`, with all that was read anew also cached."""
    levels = [price.rates, *(rates for above, rates in price.long if usage.input_tokens > above)]
    return max(_sum(usage, rates, max(rates.input, rates.cache_write)) for rates in levels)


def _sum(usage: Usage, rates: Rates, fresh_rate: Decimal) -> Decimal:
    cached = min(usage.cached_tokens or 0, usage.input_tokens)
    fresh = usage.input_tokens - cached
    return fresh * fresh_rate + cached * rates.cached_input + usage.output_tokens * rates.output


def find_price(model: ModelSettings, name: str | None = None, *, on: date | None = None) -> Price | NoPrice:
    """What the tokens of the model in the settings cost.

    Prices of the settings win. Where a list's price depends on the hour, it is the dearest hour's.

    Args:
        model: The section ``[model]``.
        name: Another model at the same endpoint, for example a tuned one; None is the model of the settings.
        on: The day whose prices are asked for; None is today.
    """
    day = on or datetime.now(UTC).date()
    if model.prices is not None:
        return _own(model.prices, day)
    if model.provider != "openai":
        return NoPrice(
            reason=f"provider = {model.provider!r} runs on your own machine, where nobody charges for tokens. "
            "If you know what a token costs you there, write it under [model.prices]."
        )
    return _listed(name or model.name, model.base_url or OPENAI, day)


def _own(prices: PriceSettings, day: date) -> Price:
    cached = prices.input if prices.cached_input is None else prices.cached_input
    per_token = [Decimal(str(amount)) / _MILLION for amount in (prices.input, prices.output, cached)]
    rates = Rates(input=per_token[0], output=per_token[1], cached_input=per_token[2], cache_write=per_token[0])
    return Price(rates=rates, source="[model.prices] in groundtune.toml", date=day)


def _listed(name: str, base_url: str, day: date) -> Price | NoPrice:
    host = urlsplit(base_url).hostname or base_url
    unlisted = "If it charges for tokens, write what it charges under [model.prices]."
    try:
        import genai_prices
    except ImportError:
        return NoPrice(
            reason="the list of prices is not installed. Install it with: pip install 'groundtune[openai]', "
            "or write prices under [model.prices]."
        )
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(), name, provider_api_url=base_url, genai_request_timestamp=_at(day, 0)
        )
    except LookupError:
        return NoPrice(reason=f"the list of prices does not know {name!r} at {host}. {unlisted}")
    # Some providers are cheaper at night; a price that holds for the whole day is the dearest of its hours.
    hourly = [_table(found.model.get_prices(_at(day, hour))) for hour in range(24)]
    table = max(hourly, key=lambda prices: [_base(prices.get(key)) for key in _RATES])
    also = [words for key, words in _ALSO_CHARGED.items() if key in table]
    if also or not {"input_mtok", "output_mtok"} <= set(table):
        how = f"it also charges {' and '.join(also)}" if also else "it does not charge for tokens of text"
        return NoPrice(reason=f"the list of prices knows {name!r} at {host}, but {how}. {unlisted}")
    source = f"genai-prices {genai_prices.__version__}: {found.model.id} at {found.provider.name}"
    return _price(table, source, day)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)


def _table(prices: Any) -> dict[str, Any]:
    """The amounts for a million of each unit; a plain Decimal, or one that grows with the length of the input."""
    return {key: amount for key, amount in vars(prices).items() if amount is not None}


def _price(table: Mapping[str, Any], source: str, day: date) -> Price:
    starts = sorted({tier.start for key in _RATES for tier in getattr(table.get(key), "tiers", ())})
    return Price(
        rates=_rates(table, 0),
        long=tuple((start, _rates(table, start + 1)) for start in starts),
        source=source,
        date=day,
    )


def _rates(table: Mapping[str, Any], input_tokens: int) -> Rates:
    fresh = _amount(table["input_mtok"], input_tokens)
    cached, written = (_amount(table[key], input_tokens) if key in table else fresh for key in _RATES[2:])
    return Rates(
        input=fresh / _MILLION,
        output=_amount(table["output_mtok"], input_tokens) / _MILLION,
        cached_input=cached / _MILLION,
        cache_write=written / _MILLION,
    )


def _amount(amount: Any, input_tokens: int) -> Decimal:
    """One amount of the list at a length of input; a tier applies above its start, to all tokens."""
    applying = [tier.price for tier in getattr(amount, "tiers", ()) if input_tokens > tier.start]
    return Decimal(applying[-1] if applying else _base(amount))


def _base(amount: Any) -> Decimal:
    return Decimal(getattr(amount, "base", amount) or 0)


def _per_million(amount: Decimal) -> float:
    return float(amount * _MILLION)
