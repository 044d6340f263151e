"""The texts of the canary and the verdict on what a server stored: pure functions."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEGOLM = "m.megolm.v1.aes-sha2"

_WHO = ("the gardener", "a sparrow", "my neighbour", "the old ferry", "a grey cat", "the baker")
_DOES = ("waits for", "writes to", "walks past", "remembers", "looks after", "listens to")
_WHAT = ("the plum tree", "a paper boat", "the night train", "seven lanterns", "the east wind")


@dataclass(frozen=True)
class Text:
    """One sentence and the two tokens in it: its own, and the one all texts of a run share."""

    body: str
    token: str
    run_token: str


def new_token() -> str:
    """64 random bits as hexadecimal: nothing stored holds it by chance, and it is short to send."""
    return secrets.token_hex(8)


def new_text(run_token: str) -> Text:
    """A unique random sentence in plain ASCII, so that it is the same in JSON as on paper."""
    token = new_token()
    words = " ".join(secrets.choice(part) for part in (_WHO, _DOES, _WHAT))
    return Text(
        body=f"{words[0].upper()}{words[1:]}. {token} {run_token}",
        token=token,
        run_token=run_token,
    )


def shortened(text: Text) -> str:
    """The sentence without its long tokens, for the screen."""
    sentence, _, _ = text.body.partition(". ")
    return f"{sentence} · {text.token[:6]}…"


def why_not_encrypted(event: Mapping[str, Any], event_id: str, text: Text) -> str:
    """Why a stored event proves no encryption: ``""`` when it does.

    ``missing`` (no such event, or another one), ``type``, ``algorithm``, ``ciphertext`` (nothing
    that could be the message) or ``plaintext`` (the text or a token of it is in the event).
    """
    whole = json.dumps(event, ensure_ascii=False)
    if any(part in whole for part in (text.body, text.token, text.run_token)):
        return "plaintext"
    kind = event.get("type")
    if not kind or event.get("event_id", event_id) != event_id:
        return "missing"
    content = event.get("content")
    if kind != "m.room.encrypted" or not isinstance(content, Mapping):
        return "type"
    if content.get("algorithm") != MEGOLM:
        return "algorithm"
    ciphertext = content.get("ciphertext")
    # A Megolm message is at least as long as its plaintext, before base64 makes it longer.
    if not isinstance(ciphertext, str) or len(ciphertext) < len(text.body):
        return "ciphertext"
    return ""
