"""TRL's trainer as this project runs it: it reports to nobody, and its dev loss is a mean over tokens."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer

from groundtune.training.generator.encoding import IGNORED

__all__ = ["GeneratorTrainer"]


class GeneratorTrainer(SFTTrainer):  # type: ignore[misc]  # an untyped library's class
    """Trains on packed rows."""

    def prediction_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **options: Any) -> Any:
        """Weigh a row's mean loss by its learned tokens: rows are packed unevenly, and their plain mean would count
        the tokens of a nearly empty row many times."""
        loss, logits, labels = super().prediction_step(model, inputs, *rest, **options)
        learned = (inputs["labels"] != IGNORED).sum().to(loss.device)
        return loss * learned / self._mean_learned(), logits, labels

    def _mean_learned(self) -> float:
        """Learned tokens of a dev row, on average."""
        if not hasattr(self, "_learned"):
            rows = self.eval_dataset["labels"]
            self._learned = sum(label != IGNORED for labels in rows for label in labels) / len(rows)
        return float(self._learned)

    def _send_telemetry(self) -> None:
        """Nothing leaves this machine."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """The registry has a card of its own."""
