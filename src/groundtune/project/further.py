"""Arms beside the 2x2: systems of the user's own, the whole corpus in the prompt, an optimised instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from groundtune.project.providers import arm_chat, base_chat
from groundtune.systems import Origins
from groundtune.systems.arms import load_arms
from groundtune.systems.long_context import Window, build_long_context
from groundtune.systems.optimised import optimise_instruction

if TYPE_CHECKING:
    from groundtune.experiment.run import AnswersQueries
    from groundtune.experiment.scorers import Scorer
    from groundtune.project.workspace import Workspace
    from groundtune.systems import System

Progress = Callable[[str, int, int], None]


class FurtherArms:
    """The further arms of one comparison; none unless the settings ask for them."""

    def __init__(self, workspace: Workspace, scorer: Scorer, progress: Progress) -> None:
        self._workspace = workspace
        self._scorer = scorer
        self._progress = progress

    @cached_property
    def record(self) -> dict[str, Any]:
        """What determines their answers beyond the settings: the code of callables."""
        return {name: arm.name for name, arm in self._own(None).items() if not hasattr(arm, "model")}

    def arms(self, prompt: System) -> dict[str, AnswersQueries]:
        """The arms by id.

        Args:
            prompt: The cell without retrieval or tuning, whose template and model they share.

        Raises:
            ProjectError: when one of the user's own cannot be loaded.
            GateClosed: when the corpus does not fit the window, or dev is too small to optimise on.
        """
        made: dict[str, AnswersQueries] = dict(self._own(prompt))
        for name in self._workspace.settings.experiment.further_arms:
            made[name] = self._long_context(prompt) if name == "long_context" else self._optimised(prompt)
        return made

    def _own(self, prompt: System | None) -> Mapping[str, Any]:
        from groundtune.systems import PromptTemplate

        workspace = self._workspace
        template = prompt.template if prompt else PromptTemplate(task=workspace.settings.project.task)
        return load_arms(
            workspace.settings.arms,
            workspace.folder,
            template=template,
            origins=Origins(workspace.knowledge),
            chat_of=partial(arm_chat, workspace),
        )

    def _long_context(self, prompt: System) -> AnswersQueries:
        workspace = self._workspace
        settings = workspace.settings.model
        window = Window(tokens=base_chat(workspace).context_window, answer=settings.max_output_tokens)
        questions = [query.question for query in workspace.queries]
        return build_long_context(prompt.model, prompt.template, workspace.knowledge, questions, window)

    def _optimised(self, prompt: System) -> AnswersQueries:
        from groundtune.experiment.scorers import score_answer

        workspace = self._workspace
        settings = workspace.settings
        return optimise_instruction(
            prompt,
            workspace.split.dev,
            lambda answer, query: score_answer(self._scorer, answer, query).value,
            base_chat(workspace),
            max_calls=settings.experiment.optimise_calls,
            seed=settings.experiment.seed,
            threads=settings.model.concurrency,
            progress=lambda done, total: self._progress("Optimising the prompt on dev", done, total),
        ).system
