"""Words for the names that saved data uses, such as what an entry of the history says was done."""

from __future__ import annotations

from assistant.text.message import Message, msg

THIS_COMPUTER = msg("this computer")
"""The vantage of that name; :func:`assistant.text.render` words it where it is a value."""

_HISTORY = {
    "created": msg("created"),
    "changed": msg("changed"),
    "checked": msg("checked"),
    "applied": msg("applied"),
    "undone": msg("undone"),
    "canary": msg("test conversation"),
    "exported": msg("summary saved"),
}


def history_words(what: str) -> Message:
    """What was done, for a ``HistoryEntry.what``; a name of a later version stays as it is."""
    return _HISTORY.get(what) or msg("{text}", text=what)
