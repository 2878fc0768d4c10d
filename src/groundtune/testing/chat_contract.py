"""What every `Chat` must do, whoever wrote it: subclass `ChatContract` in a test and give it a chat."""

from __future__ import annotations

import json
from threading import Thread
from typing import Any

from groundtune.models import Chat
from groundtune.records import Completion, Message

__all__ = ["ChatContract"]


class ChatContract:
    """Tests to inherit; override `chat` (and `schema_is_kept` where the provider cannot hold the model to a schema)."""

    schema_is_kept = True

    def chat(self) -> Chat:
        """The chat under test; it answers any question with at least one word."""
        raise NotImplementedError

    @staticmethod
    def asked(question: str = "Who is there?") -> list[Message]:
        """A conversation."""
        return [Message(role="system", content="Be brief."), Message(role="user", content=question)]

    def test_a_completion_has_text_times_and_counts(self) -> None:
        """The fields that everything else builds on."""
        completion = self.chat().complete(self.asked())
        assert completion.text
        assert completion.finished in ("stop", "length")
        assert completion.total_ms > 0
        assert not completion.from_cache
        assert completion.usage is None or (completion.usage.input_tokens > 0 and completion.usage.output_tokens > 0)

    def test_the_same_conversation_gives_the_same_text(self) -> None:
        """At temperature 0."""
        chat = self.chat()
        assert chat.complete(self.asked()).text == chat.complete(self.asked()).text

    def test_a_stream_is_its_completion_in_pieces(self) -> None:
        """The last item is the whole, and the whole is the sum of the pieces."""
        chat = self.chat()
        *pieces, whole = chat.stream(self.asked())
        assert isinstance(whole, Completion)
        assert "".join(str(piece) for piece in pieces) == whole.text == chat.complete(self.asked()).text
        assert whole.first_token_ms is not None
        assert 0 < whole.first_token_ms <= whole.total_ms

    def test_a_stream_can_be_left(self) -> None:
        """Whoever stops listening leaves a chat that still works."""
        chat = self.chat()
        stream = chat.stream(self.asked())
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert chat.complete(self.asked()).text

    def test_a_schema_is_kept(self) -> None:
        """The text is an object of the schema, where the provider can see to it."""
        schema = {
            "type": "object",
            "properties": {"sure": {"type": "boolean"}},
            "required": ["sure"],
            "additionalProperties": False,
        }
        text = self.chat().complete(self.asked("Sure?"), schema=schema).text
        if self.schema_is_kept:
            value: Any = json.loads(text)
            assert set(value) == {"sure"}
            assert isinstance(value["sure"], bool)

    def test_several_threads_may_ask_at_once(self) -> None:
        """Each gets its own answer, the same as alone."""
        chat = self.chat()
        questions = [f"Question {n}?" for n in range(4)]
        alone = [chat.complete(self.asked(question)).text for question in questions]
        together: dict[str, str] = {}

        def ask(question: str) -> None:
            together[question] = chat.complete(self.asked(question)).text

        threads = [Thread(target=ask, args=(question,)) for question in questions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [together[question] for question in questions] == alone

    def test_the_name_says_what_determines_the_text(self) -> None:
        """It is the same for the same chat, and one line."""
        chat = self.chat()
        assert chat.name == self.chat().name
        assert chat.name
        assert "\n" not in chat.name
