"""What goes wrong in the practice internet, told in one sentence with the log that shows why."""

from __future__ import annotations

from pathlib import Path

from assistant.common.errors import AssistantError
from assistant.text import msg

TAIL_LINES = 15


class RehearsalError(AssistantError):
    """The practice internet cannot go on. `str()` is one sentence, then the tail of a log."""

    def __init__(self, sentence: str, log: str = "") -> None:
        self.sentence = sentence
        self.log = log
        super().__init__("rehearsal", msg("{text}", text=f"{sentence}\n{log}" if log else sentence))


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last `lines` lines of `text`."""
    return "\n".join(text.strip().splitlines()[-lines:])


def tail_of_file(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file; empty when it cannot be read."""
    try:
        return tail(path.read_text(encoding="utf-8", errors="replace"), lines)
    except OSError:
        return ""
