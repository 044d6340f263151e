"""The canary's verdicts: figures, what proves encryption, and what an error answer means."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from assistant.canary import Account, CanaryRequest, CanaryResult, Direction, Side, percentile
from assistant.canary.encryption_proof import MEGOLM, new_text, shortened, why_not_encrypted
from assistant.canary.failures import from_accounts, from_response, retry_after
from assistant.common.errors import AssistantError
from assistant.text import msg


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7.0], 50, 7.0),
        ([7.0], 95, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([float(n) for n in range(1, 11)], 95, 10.0),
        ([float(n) for n in range(100, 0, -1)], 95, 95.0),
        ([1.0, 2.0], 100, 2.0),
    ],
)
def test_percentile_is_a_measured_value(
    values: list[float], percent: float, expected: float | None
) -> None:
    assert percentile(values, percent) == expected


def _direction(sent: int, *ms: float) -> Direction:
    return Direction(sender="A", sender_server="a.test", receiver_server="b.test", sent=sent, ms=ms)


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({}, True),
        ({"directions": ()}, False),
        ({"directions": (_direction(2, 1.0),)}, False),
        ({"encrypted_on_server": False}, False),
        ({"removed": False}, False),
        ({"cause": "tls", "failure": msg("No")}, False),
    ],
)
def test_ok_needs_everything(changes: dict[str, Any], ok: bool) -> None:
    values: dict[str, Any] = {
        "directions": (_direction(2, 10.0, 30.0), _direction(1, 20.0)),
        "encrypted_on_server": True,
        "removed": True,
    }
    result = CanaryResult(**(values | changes))
    assert result.ok is ok


def test_figures_are_over_both_directions() -> None:
    result = CanaryResult(directions=(_direction(2, 10.0, 30.0), _direction(2, 20.0)))
    assert (result.sent, result.delivered) == (4, 3)
    assert (result.p50_ms, result.p95_ms) == (20.0, 30.0)
    assert CanaryResult().p50_ms is None


def _stored(**changes: Any) -> dict[str, Any]:
    return {
        "type": "m.room.encrypted",
        "content": {"algorithm": MEGOLM, "ciphertext": "AwgA" + "x" * 300},
    } | changes


def test_what_proves_encryption() -> None:
    text = new_text("f" * 32)
    content = _stored()["content"]
    cases: list[tuple[dict[str, Any], str]] = [
        (_stored(), ""),
        (_stored(event_id="$e"), ""),
        ({}, "missing"),
        (_stored(event_id="$other"), "missing"),
        (_stored(type="m.room.message"), "type"),
        (_stored(content=None), "type"),
        (_stored(content=content | {"algorithm": "m.olm.v1.curve25519-aes-sha2"}), "algorithm"),
        (_stored(content=content | {"ciphertext": ""}), "ciphertext"),
        (_stored(content=content | {"ciphertext": {"body": "short"}}), "ciphertext"),
        (_stored(content=content | {"ciphertext": "short"}), "ciphertext"),
        (_stored(content=content | {"body": text.body}), "plaintext"),
        (_stored(unsigned={"hint": [text.token]}), "plaintext"),
        (_stored(unsigned={"hint": f"..{'f' * 32}.."}), "plaintext"),
    ]
    for event, expected in cases:
        assert why_not_encrypted(event, "$e", text) == expected, event


def test_texts_are_unique_and_short_on_the_screen() -> None:
    texts = {new_text("f" * 32).body for _ in range(50)}
    assert len(texts) == 50
    text = new_text("f" * 32)
    assert text.body == json.loads(json.dumps(text.body, ensure_ascii=True))
    assert text.token in text.body
    assert text.token not in shortened(text)
    assert len(shortened(text)) < 60


def _answer(status: int, code: str | None = None, **more: Any) -> Any:
    headers = more.pop("headers", {})
    transport = SimpleNamespace(status=status, headers=headers)
    return SimpleNamespace(transport_response=transport, status_code=code, **more)


@pytest.mark.parametrize(
    ("answer", "doing", "cause"),
    [
        (_answer(429, "M_LIMIT_EXCEEDED"), "login", "rate-limited"),
        (_answer(429), "sync", "rate-limited"),
        (_answer(502), "login", "bad-gateway"),
        (_answer(504), "sync", "bad-gateway"),
        (_answer(502, "M_UNKNOWN"), "meet", "federation"),
        (_answer(400, "M_UNSUPPORTED_ROOM_VERSION"), "meet", "federation"),
        (_answer(429, "M_LIMIT_EXCEEDED"), "meet", "rate-limited"),
        (_answer(502, "M_UNKNOWN"), "room", "refused"),
        (_answer(503, "M_UNKNOWN"), "sync", "refused"),
        (_answer(200), "login", "not-matrix"),
        (_answer(403), "login", "not-matrix"),
        (_answer(403, "M_FORBIDDEN"), "login", "login-refused"),
        (_answer(403, "M_FORBIDDEN"), "join", "refused"),
        (SimpleNamespace(), "join", "not-matrix"),
    ],
)
def test_error_answers(answer: Any, doing: str, cause: str) -> None:
    assert from_response(answer, "https://chat.test", doing).cause == cause


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (_answer(200), None),
        (_answer(502, "M_UNKNOWN", retry_after_ms=5), None),
        (_answer(429, "M_LIMIT_EXCEEDED", retry_after_ms=2500), 2.5),
        (_answer(429, "M_LIMIT_EXCEEDED", retry_after_ms=0), 0.1),
        (_answer(429, headers={"Retry-After": "7"}), 7.0),
        (_answer(429, headers={"Retry-After": "tomorrow"}), 1.0),
    ],
)
def test_how_long_to_wait(answer: Any, seconds: float | None) -> None:
    assert retry_after(answer) == seconds


def test_messages_of_the_host_are_kept_and_other_texts_are_not() -> None:
    own = AssistantError("apt-lock", msg("Something with a reason"))
    kept = from_accounts(own, "chat.test", "create")
    assert (kept.cause, str(kept.message)) == ("apt-lock", "Something with a reason")
    other = from_accounts(RuntimeError("password=hunter2"), "chat.test", "create")
    assert other.cause == "accounts-create"
    assert "hunter2" not in str(other.message) + str(other)


def test_secrets_are_in_no_representation() -> None:
    account = Account(user_id="@a:b", password="hunter2", access_token="syt_x", device_id="D")
    assert "hunter2" not in repr(account)
    assert "syt_x" not in str(account)


def test_request_is_checked() -> None:
    side = Side(server_name="chat.test", base_url="https://chat.test:8443")
    assert CanaryRequest(sides=(side,)).messages == 5
    for bad in ({"sides": ()}, {"messages": 0}, {"timeout": 0}):
        with pytest.raises(ValueError, match="validation error"):
            CanaryRequest(**({"sides": (side,)} | bad))
    with pytest.raises(ValueError, match="validation error"):
        Side(server_name="chat.test", base_url="file:///etc/passwd")
