"""Prices are those of the list or of the project, and costs are what the list's own arithmetic gives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from groundtune.models.prices import NoPrice, Price, Rates, cost, find_price, most_cost
from groundtune.records import Usage
from groundtune.settings import ModelSettings, PriceSettings

DAY = date(2026, 11, 21)


def openai(name: str, base_url: str = "", *, prices: PriceSettings | None = None) -> ModelSettings:
    return ModelSettings(provider="openai", name=name, base_url=base_url, prices=prices)


def listed(name: str, base_url: str = "") -> Price:
    price = find_price(openai(name, base_url), on=DAY)
    assert isinstance(price, Price)
    return price


def unknown(settings: ModelSettings) -> str:
    price = find_price(settings, on=DAY)
    assert isinstance(price, NoPrice)
    return price.reason


def test_a_listed_model_costs_what_its_provider_publishes() -> None:
    price = listed("gpt-4o-mini")
    # 0.15 dollars for a million input tokens, 0.075 for cached ones, 0.60 for output, by hand:
    usage = Usage(input_tokens=1_000, output_tokens=100, cached_tokens=400)
    assert cost(usage, price) == Decimal("0.00018")
    assert price.to_json() == {
        "input_usd_per_million": 0.15,
        "cached_input_usd_per_million": 0.075,
        "output_usd_per_million": 0.6,
        "source": f"genai-prices {genai_prices.__version__}: gpt-4o-mini at OpenAI",
        "date": "2026-11-21",
    }


def test_the_endpoint_decides_whose_price_it_is() -> None:
    azure = listed("gpt-4o", "https://acme.openai.azure.com/openai/v1")
    assert azure.source.endswith("gpt-4o at Microsoft Azure")
    assert "does not know 'gpt-4o-mini' at localhost" in unknown(openai("gpt-4o-mini", "http://localhost:8000/v1"))
    assert "does not know 'my-deployment' at acme.openai.azure.com" in unknown(
        openai("my-deployment", "https://acme.openai.azure.com/openai/v1")
    )


def test_a_key_in_an_address_is_not_repeated() -> None:
    reason = unknown(openai("x", "https://user:sk-secret@models.example/v1?key=sk-secret"))
    assert "models.example" in reason
    assert "sk-secret" not in reason


def test_a_tuned_model_has_its_own_price() -> None:
    tuned = find_price(openai("gpt-4o-mini"), "ft:gpt-4o-mini-2024-07-18:acme::abc", on=DAY)
    assert isinstance(tuned, Price)
    assert tuned.rates.input == 2 * listed("gpt-4o-mini").rates.input
    assert tuned.rates.cached_input == tuned.rates.input


def test_your_own_prices_win_and_are_exact() -> None:
    own = PriceSettings(input=0.1, output=0.3)
    price = find_price(openai("gpt-4o-mini", prices=own), on=DAY)
    assert isinstance(price, Price)
    assert cost(Usage(input_tokens=3, output_tokens=0, cached_tokens=2), price) == Decimal("0.0000003")
    assert (price.source, price.date) == ("[model.prices] in groundtune.toml", DAY)
    cached = find_price(openai("x", prices=PriceSettings(input=1, output=1, cached_input=0)), on=DAY)
    assert isinstance(cached, Price)
    assert cost(Usage(input_tokens=5, output_tokens=0, cached_tokens=5), cached) == 0


def test_local_weights_have_a_price_only_where_you_give_one() -> None:
    for provider in ("embedded", "transformers"):
        settings = ModelSettings.model_validate({"provider": provider, "name": "weights"})
        assert "your own machine" in unknown(settings)
        assert NoPrice(reason=unknown(settings)).to_json() == {"unknown": unknown(settings)}
    own = ModelSettings(provider="transformers", name="weights", prices=PriceSettings(input=1, output=2))
    assert isinstance(find_price(own), Price)


def test_a_price_that_tokens_do_not_tell_is_not_known() -> None:
    assert "also charges for each request" in unknown(openai("sonar", "https://api.perplexity.ai"))
    assert "does not charge for tokens of text" in unknown(openai("whisper-1"))


def test_a_day_before_a_change_has_the_old_price() -> None:
    before, after = (find_price(openai("gpt-5.6-luna"), on=date(2026, 7, day)) for day in (29, 30))
    assert isinstance(before, Price)
    assert isinstance(after, Price)
    assert before.rates.input == 5 * after.rates.input


def test_long_input_costs_more_for_every_token() -> None:
    price = listed("gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta/openai/")
    short, long = (cost(Usage(input_tokens=count, output_tokens=0), price) for count in (200_000, 200_001))
    assert (short, long) == (Decimal("0.25"), Decimal("0.5000025"))


def _oracle() -> Iterator[tuple[str, str, genai_prices.types.Provider, genai_prices.types.ModelInfo]]:
    addresses = {
        "openai": "",
        "anthropic": "https://api.anthropic.com/v1/",
        "google": "https://generativelanguage.googleapis.com/v1beta/openai/",
        "deepseek": "https://api.deepseek.com",
        "groq": "https://api.groq.com/openai/v1",
    }
    for provider in providers:
        for model in provider.models if provider.id in addresses else ():
            yield addresses[provider.id], model.id, provider, model


def test_every_listed_price_agrees_with_the_lists_own_arithmetic() -> None:
    compared = 0
    hours = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in range(24)]
    for base_url, name, provider, model in _oracle():
        price = find_price(openai(name, base_url), on=DAY)
        if isinstance(price, NoPrice):
            continue
        for tokens in (10, 300_000):
            theirs = genai_prices.Usage(input_tokens=tokens, output_tokens=77, cache_read_tokens=5)
            dearest = max(model.calc_price(theirs, provider, genai_request_timestamp=at).total_price for at in hours)
            assert cost(Usage(input_tokens=tokens, output_tokens=77, cached_tokens=5), price) == dearest, name
        compared += 1
    assert compared > 150


AMOUNTS = st.decimals(0, 1000, places=4).map(lambda amount: amount / 1_000_000)
RATES = st.builds(Rates, input=AMOUNTS, output=AMOUNTS, cached_input=AMOUNTS, cache_write=AMOUNTS)
TOKENS = st.integers(0, 2_000)


@given(
    usual=RATES,
    long=RATES,
    counted=st.tuples(TOKENS, TOKENS, TOKENS),
    more=st.tuples(TOKENS, TOKENS),
)
def test_the_most_that_a_call_can_cost_is_the_most(
    usual: Rates, long: Rates, counted: tuple[int, int, int], more: tuple[int, int]
) -> None:
    read, written, cached = counted
    price = Price(rates=usual, long=((1_000, long),), source="test", date=DAY)
    usage = Usage(input_tokens=read, output_tokens=written, cached_tokens=min(read, cached))
    assert cost(usage, price) <= most_cost(usage, price)
    most = Usage(input_tokens=read + more[0], output_tokens=written + more[1])
    if all(rates.cached_input <= max(rates.input, rates.cache_write) for rates in (usual, long)):
        assert most_cost(usage, price) <= most_cost(most, price)


def test_more_cached_tokens_than_tokens_are_not_believed() -> None:
    price = listed("gpt-4o-mini")
    said = cost(Usage(input_tokens=10, output_tokens=0, cached_tokens=99), price)
    assert said == cost(Usage(input_tokens=10, output_tokens=0, cached_tokens=10), price)


def test_without_the_list_the_price_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert "pip install 'groundtune[openai]'" in unknown(openai("gpt-4o-mini"))
