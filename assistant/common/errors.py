"""Errors that are shown to people: each carries a stable cause and a message in plain words."""

from __future__ import annotations

from assistant.text import Message, render


class AssistantError(Exception):
    """Something the person at the keyboard must hear about.

    ``cause`` is a stable identifier (lower case, dashes), ``message`` says what happened, why it
    matters and what to do. Neither ever holds a secret.
    """

    cause: str
    message: Message

    def __init__(self, cause: str, message: Message) -> None:
        super().__init__(render(message))
        self.cause = cause
        self.message = message


class ProblemError(ValueError):
    """A value that cannot be used; ``message`` says why in one sentence and never repeats it.

    A ``ValueError``, so that pydantic takes it from a validator.
    """

    def __init__(self, message: Message) -> None:
        super().__init__(render(message))
        self.message = message


class InputError(AssistantError):
    """Something that was typed or read from a file cannot be used."""


class StoreError(AssistantError):
    """A saved setup cannot be read or written."""
