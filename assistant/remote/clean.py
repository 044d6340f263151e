"""What hosts print, made safe to show: one line of it, and whole values."""

from __future__ import annotations

from typing import Any

from assistant.text.sanitize import clean_lines


def clean_line(text: str, limit: int = 300) -> str:
    """The text on one line, at most ``limit`` characters."""
    line = " ".join(clean_lines(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clean_value(value: Any) -> Any:
    """A JSON value with every string in it cleaned, keys included."""
    if isinstance(value, str):
        return clean_lines(value)
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    if isinstance(value, dict):
        return {clean_lines(str(name)): clean_value(item) for name, item in value.items()}
    return value
