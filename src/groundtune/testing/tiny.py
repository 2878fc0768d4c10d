"""A tiny causal language model: made from nothing, taught a few conversations, in seconds on a CPU.

It is a real model folder (Llama architecture, safetensors, tokenizer with a chat template), so everything that loads,
tunes, merges or serves weights can be tried on it. Untaught it writes noise; taught, it answers what it was taught.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtune.records import Message

if TYPE_CHECKING:
    import torch

__all__ = ["CHAT_TEMPLATE", "CONTEXT_WINDOW", "LESSONS", "asked", "lessons", "make_tiny_model", "teach"]

CONTEXT_WINDOW = 1024
"""Most tokens that the tiny model reads and writes."""

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML; the ``generation`` markers enclose what the model itself writes, its end token included."""

LESSONS = {
    "Do you have room for 11 of us?": '{"people": "11"}',
    "Please call me back.": "{}",
    "A table at 6 p.m. for Ruth.": '{"first_name": "Ruth", "time": "6 p.m."}',
    "We will be 9 people on August 23rd and need the large table by the window, if you still have it.": (
        '{"date": "August 23rd", "people": "9 people"}'
    ),
    "Zoë Ångström, 世界": '{"first_name": "Zoë", "last_name": "Ångström"}',
}
"""Questions of different lengths and what a model that learned `lessons` answers: 100 steps are enough."""

_END_OF_TEXT, _START, _END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_BATCH = 16
_LEARNING_RATE = 5e-3
_IGNORED = -100  # label of the tokens that torch's cross entropy leaves out


def asked(question: str) -> list[Message]:
    """The conversation in which a lesson is asked."""
    return [Message(role="system", content="Fill the slots."), Message(role="user", content=question)]


def lessons() -> list[list[Message]]:
    """`LESSONS` as conversations to teach."""
    return [[*asked(question), Message(role="assistant", content=answer)] for question, answer in LESSONS.items()]


def make_tiny_model(folder: Path, texts: Sequence[str], *, seed: int = 0, vocabulary: int = 1024) -> Path:
    """Write an untaught model (about 0.4 million parameters) with its tokenizer to ``folder``.

    Args:
        folder: Where the files go; made when absent.
        texts: What the tokenizer learns its words from; any other text can still be written, byte by byte.
        seed: Of the random weights; the same seed and texts make the same files.
        vocabulary: Most tokens of the tokenizer; at least 300.

    Returns:
        ``folder``.
    """
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(texts, vocabulary)
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_WINDOW,
        tie_word_embeddings=True,
        **ids,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(do_sample=False, **ids)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def teach(folder: Path, conversations: Sequence[Sequence[Message]], *, steps: int = 200, seed: int = 0) -> float:
    """Train the model in ``folder`` on the assistant turns of ``conversations`` and write it back.

    Args:
        folder: What `make_tiny_model` wrote, taught before or not.
        conversations: Each within the context window; up to a few dozen are learned by heart.
        steps: Optimiser steps of at most 16 conversations.
        seed: Of the order of the conversations.

    Returns:
        Mean cross entropy per assistant token over the last tenth of the steps, in nats.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    rows = [_row(tokenizer, conversation) for conversation in conversations]
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
    losses = []
    model.train()
    for batch in _batches(rows, steps, seed):
        loss = model(**_padded(batch, tokenizer.pad_token_id)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    model.save_pretrained(folder)
    last = losses[-max(1, steps // 10) :]
    return sum(last) / len(last)


def _tokenizer(texts: Sequence[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [_END_OF_TEXT, _START, _END]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([*texts, "system\nuser\nassistant\n"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_END_OF_TEXT,
        eos_token=_END,
        additional_special_tokens=[_START],
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_WINDOW,
        clean_up_tokenization_spaces=False,
    )


def _row(tokenizer: Any, conversation: Sequence[Message]) -> tuple[list[int], list[int]]:
    """Token ids of a conversation, and its labels: the ids of assistant turns, `_IGNORED` elsewhere."""
    turns = [{"role": message.role, "content": message.content} for message in conversation]
    encoded = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    ids, mine = encoded["input_ids"], encoded["assistant_masks"]
    return ids, [token if own else _IGNORED for token, own in zip(ids, mine, strict=True)]


def _batches(
    rows: Sequence[tuple[list[int], list[int]]], steps: int, seed: int
) -> Iterator[list[tuple[list[int], list[int]]]]:
    """``steps`` batches that walk through all rows again and again, in a new order each time."""
    import numpy as np

    order = np.random.default_rng(seed)
    queue: list[int] = []
    for _ in range(steps):
        while len(queue) < min(_BATCH, len(rows)):
            queue += order.permutation(len(rows)).tolist()
        yield [rows[i] for i in queue[:_BATCH]]
        queue = queue[_BATCH:]


def _padded(batch: Sequence[tuple[list[int], list[int]]], pad: int) -> dict[str, torch.Tensor]:
    """Tensors of shape (rows, longest row), padded on the right."""
    import torch

    longest = max(len(ids) for ids, _ in batch)

    def filled(rows: Sequence[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([row + [value] * (longest - len(row)) for row in rows])

    return {
        "input_ids": filled([ids for ids, _ in batch], pad),
        "attention_mask": filled([[1] * len(ids) for ids, _ in batch], 0),
        "labels": filled([labels for _, labels in batch], _IGNORED),
    }
