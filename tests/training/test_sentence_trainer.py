from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from groundtune.errors import GateClosed, ProjectError, WeightsError
from groundtune.training.embedding import RetrievalRow
from groundtune.training.reranker import tune_reranker
from groundtune.training.sentence_embedding import tune_sentence_embedding
from groundtune.training.sentence_trainer import Places, RetrievalRecipe

THINGS = ["pump", "valve", "hose", "motor", "filter", "sensor", "cable", "lamp"]
PLACES = ["cellar", "attic", "garage", "kitchen", "garden", "hall", "shed", "roof"]
TEXTS = [f"the {thing} is in the {place}" for thing, place in zip(THINGS, PLACES, strict=True)]
ROWS = [
    RetrievalRow(
        question=f"where is the {thing}",
        positives=(TEXTS[i],),
        negatives=tuple(TEXTS[(i + step) % 8] for step in (1, 3)),
    )
    for i, thing in enumerate(THINGS)
]
RECIPE = RetrievalRecipe(epochs=8, learning_rate=3e-3, batch_size=8, max_tokens=32, patience=16)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two small layers that knows the words of the rows."""
    pytest.importorskip("sentence_transformers")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "where", "is", "the", "in", *THINGS, *PLACES]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    folder = tmp_path_factory.mktemp("bert") / "tiny"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **{f"{name}_token": token for name, token in special.items()}
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,  # at the usual 0.02 so small a network hardly leaves its start
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        BertModel(config).save_pretrained(folder)
    return folder


def places(base: Path, here: Path) -> Places:
    return Places(base=base, state=here / "state", out=here / "out")


@pytest.mark.slow
def test_a_reranker_learns_which_passage_answers(base: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    steps: list[tuple[int, int]] = []
    recipe = replace(RECIPE, epochs=30)
    tuned = tune_reranker(
        ROWS, ROWS, recipe=recipe, places=places(base, tmp_path), progress=lambda *at: steps.append(at)
    )
    assert tuned.before is not None
    assert tuned.dev is not None
    assert tuned.dev > max(0.9, tuned.before)
    assert steps[-1][0] == tuned.steps
    model = CrossEncoder(str(tuned.model))
    right = [
        int(model.predict([(row.question, text) for text in (*row.positives, *row.negatives)]).argmax()) == 0
        for row in ROWS
    ]
    assert sum(right) >= 7
    assert not (tuned.model / "README.md").exists()


@pytest.mark.slow
def test_an_embedding_model_learns_which_passage_answers(base: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    # One row has no near text, one has fewer than the others: neither is lost.
    rows = [replace(ROWS[0], negatives=()), replace(ROWS[1], negatives=ROWS[1].negatives[:1]), *ROWS[2:]]
    recipe = replace(RECIPE, epochs=40, patience=80)
    tuned = tune_sentence_embedding(rows, ROWS, recipe=recipe, places=places(base, tmp_path))
    assert tuned.before is not None
    assert tuned.dev is not None
    assert tuned.dev > max(0.9, tuned.before)
    model = SentenceTransformer(str(tuned.model))
    scores = model.similarity(model.encode([row.question for row in ROWS]), model.encode(TEXTS))
    assert sum(int(best) == i for i, best in enumerate(scores.argmax(dim=1))) >= 7


KILLED = """
import json, os, signal, sys
from pathlib import Path
from groundtune.training.embedding import RetrievalRow
from groundtune.training.reranker import tune_reranker
from groundtune.training.sentence_trainer import Places, RetrievalRecipe

given = json.loads(sys.stdin.read())
rows = [RetrievalRow(question=r["question"], positives=tuple(r["positives"]), negatives=tuple(r["negatives"]))
        for r in given["rows"]]

def kill(done: int, total: int) -> None:
    if done >= 9:
        os.kill(os.getpid(), signal.SIGKILL)

places = Places(**{name: Path(path) for name, path in given["places"].items()})
tune_reranker(rows, rows, recipe=RetrievalRecipe(**given["recipe"]), places=places, progress=kill)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(base: Path, tmp_path: Path) -> None:
    once = tune_reranker(ROWS, ROWS, recipe=RECIPE, places=places(base, tmp_path / "once"))
    again = places(base, tmp_path / "again")
    given = {
        "rows": [asdict(row) for row in ROWS],
        "recipe": asdict(RECIPE),
        "places": {name: str(path) for name, path in asdict(again).items()},
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], input=json.dumps(given), text=True, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    steps: list[int] = []
    resumed = tune_reranker(ROWS, ROWS, recipe=RECIPE, places=again, progress=lambda done, _: steps.append(done))
    assert 1 < steps[0] <= 9
    assert (resumed.dev, resumed.steps) == (once.dev, once.steps)
    assert weights(resumed.model) == weights(once.model)


def weights(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.safetensors")}


def test_without_an_answering_text_there_is_nothing_to_learn(base: Path, tmp_path: Path) -> None:
    empty = [RetrievalRow(question="?", positives=(), negatives=("x",))]
    with pytest.raises(GateClosed, match="nothing to tune a reranker on"):
        tune_reranker(empty, [], recipe=RECIPE, places=places(base, tmp_path))


def test_a_reranker_needs_negatives(base: Path, tmp_path: Path) -> None:
    with pytest.raises(GateClosed, match="Mine them first"):
        tune_reranker([replace(ROWS[0], negatives=())], [], recipe=RECIPE, places=places(base, tmp_path))


def test_a_folder_with_files_is_not_touched(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(ProjectError, match="is not empty"):
        tune_reranker(ROWS, [], recipe=RECIPE, places=places(base, tmp_path))


def test_base_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(WeightsError, match="cannot be loaded as the base of a reranker"):
        tune_reranker(ROWS, [], recipe=RECIPE, places=places(tmp_path / "base", tmp_path))
