from __future__ import annotations

import pytest

from groundtune.settings import TrainingSettings
from groundtune.training.generator.recipe import FULL_LEARNING_RATE, Recipe


def test_a_recipe_follows_the_settings() -> None:
    settings = TrainingSettings(
        method="qlora", rank=8, epochs=2, learning_rate=1e-3, batch_size=4, max_tokens=512, seed=5
    )
    recipe = Recipe.of(settings)
    assert recipe == Recipe(method="qlora", rank=8, epochs=2, learning_rate=1e-3, batch_size=4, max_tokens=512, seed=5)
    assert recipe.alpha == 16


def test_the_defaults_of_settings_and_recipe_are_the_same() -> None:
    assert Recipe.of(TrainingSettings()) == Recipe()


@pytest.mark.parametrize(("given", "taken"), [({}, FULL_LEARNING_RATE), ({"learning_rate": 2e-4}, 2e-4)])
def test_all_weights_learn_slower_unless_the_user_says_otherwise(given: dict[str, float], taken: float) -> None:
    settings = TrainingSettings.model_validate({"method": "full", **given})
    assert Recipe.of(settings).learning_rate == taken


@pytest.mark.parametrize(("epochs", "looks"), [(1, 4), (2, 4), (5, 10)])
def test_there_are_enough_looks_at_dev_to_see_a_trend(epochs: int, looks: int) -> None:
    assert Recipe(epochs=epochs).evaluations == looks
