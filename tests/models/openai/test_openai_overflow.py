"""The words in which servers refuse a conversation that is too long, as they write them."""

from __future__ import annotations

from typing import Any

import pytest

from groundtune.models.openai.overflow import too_long


@pytest.mark.parametrize(
    ("words", "given", "window"),
    [
        # OpenAI
        (
            "This model's maximum context length is 4097 tokens. However, your messages resulted in 35569 tokens. "
            "Please reduce the length of the messages.",
            35569,
            4097,
        ),
        # DeepSeek, older vLLM
        (
            "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens (122942 in the "
            "messages, 8192 in the completion).",
            131134,
            131072,
        ),
        # vLLM
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 512. This model's maximum context length is 100 "
            "tokens and your request has 90 input tokens (512 > 100 - 90).",
            90,
            100,
        ),
        # llama.cpp
        ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", 5000, 4096),
        # Anthropic
        ("prompt is too long: 202128 tokens > 200000 maximum", 202128, 200000),
        # Google
        ("The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).", 1200293, 1048576),
        # Text Generation Inference
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens "
            "and 512 `max_new_tokens`",
            5000,
            4096,
        ),
        # Mistral
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            40000,
            32768,
        ),
        # LM Studio
        (
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with "
            "context length of only 4096 tokens, which is not enough.",
            5000,
            4096,
        ),
        # SGLang
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 5000, 4096),
        # Ollama
        ("prompt too long; exceeded max context length by 12 tokens", None, None),
    ],
)
def test_each_is_known_with_the_numbers_it_gives(words: str, given: int | None, window: int | None) -> None:
    assert too_long(words, {}) == (given, window)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"type": "exceed_context_size_error", "n_prompt_tokens": 14429, "n_ctx": 8192}, (14429, 8192)),
        ({"code": "context_length_exceeded"}, (None, None)),
    ],
)
def test_the_error_object_says_it_too(body: dict[str, Any], found: tuple[int | None, int | None]) -> None:
    assert too_long("Too much.", body) == found


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens is too large: 200000. This model supports at most 16384 completion tokens.",
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "Invalid schema for response_format 'reply'",
        "",
    ],
)
def test_other_refusals_are_not_taken_for_it(words: str) -> None:
    assert too_long(words, {"code": "invalid_request_error"}) is None
