"""Rules about the Matrix server's answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from checks.service.matrix import MatrixCheck
from checks.service.matrix_rules import ASKED, Names, judge_answer, judge_answers
from tests.support.checks_values import ADDRESS, NAME, brief, context, measured

NAMES = Names("example.org", NAME)
OPEN = {"access-control-allow-origin": "*"}
LATER = 4_102_444_800_000


def answer(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Measurement:
    text = body if isinstance(body, str) else json.dumps(body)
    return measured(kind="http", status=status, headers=headers or {}, body=text)


GOOD = {
    "versions": answer(200, {"versions": ["v1.11"]}),
    "well-known-client": answer(200, {"m.homeserver": {"base_url": f"https://{NAME}"}}, OPEN),
    "well-known-server": answer(200, {"m.server": f"{NAME}:443"}),
    "federation": answer(200, {"server": {"name": "Synapse", "version": "1"}}),
    "signing-key": answer(
        200,
        {"server_name": "example.org", "verify_keys": {"ed25519:a": {}}, "valid_until_ts": LATER},
    ),
    "registration": answer(403, {"errcode": "M_FORBIDDEN", "error": "disabled"}),
    "administration": answer(404, "<html>404</html>"),
    "administration, encoded": answer(404, "<html>404</html>"),
    "administration, dots": answer(404, "<html>404</html>"),
    "administration, slashes": answer(404, "<html>404</html>"),
    "login": answer(200, {"flows": [{"type": "m.login.token"}, {"type": "m.login.password"}]}),
}


def test_all_is_well() -> None:
    assert set(GOOD) == set(ASKED)
    found = tuple(judge_answers("outside", THIS_COMPUTER, NAMES, GOOD))
    assert brief(found) == [(f"outside {aspect}", "ok", "") for aspect in GOOD]


@pytest.mark.parametrize(
    ("aspect", "item", "status", "cause"),
    [
        ("versions", answer(404, "<html>nginx</html>"), "failed", "matrix-wrong-answer"),
        ("versions", answer(502, "<html>bad gateway</html>"), "failed", "matrix-proxy"),
        ("versions", answer(403, "<html>网站未备案</html>"), "failed", "matrix-wrong-answer"),
        (
            "versions",
            answer(302, "", {"location": "http://x/?beian"}),
            "failed",
            "matrix-wrong-answer",
        ),
        ("versions", measured(error="timeout", kind="http"), "unknown", "matrix-no-answer"),
        ("well-known-client", answer(404, ""), "failed", "well-known-missing"),
        ("well-known-client", answer(200, "not json"), "failed", "well-known-missing"),
        (
            "well-known-client",
            answer(200, {"m.homeserver": {"base_url": "https://other.example"}}, OPEN),
            "failed",
            "well-known-wrong",
        ),
        ("well-known-client", answer(200, {"m.homeserver": 7}, OPEN), "failed", "well-known-wrong"),
        (
            "well-known-client",
            answer(200, {"m.homeserver": {"base_url": f"https://{NAME}/"}}),
            "failed",
            "well-known-cors",
        ),
        ("well-known-server", answer(404, ""), "failed", "well-known-missing"),
        ("well-known-server", answer(200, {"m.server": NAME}), "failed", "well-known-wrong"),
        ("federation", answer(404, {}), "failed", "matrix-wrong-answer"),
        ("signing-key", answer(404, {}), "failed", "signing-key"),
        (
            "signing-key",
            answer(200, {"server_name": NAME, "verify_keys": {"a": {}}, "valid_until_ts": LATER}),
            "failed",
            "signing-key",
        ),
        (
            "signing-key",
            answer(200, {"server_name": "example.org", "verify_keys": {}, "valid_until_ts": LATER}),
            "failed",
            "signing-key",
        ),
        (
            "signing-key",
            answer(
                200, {"server_name": "example.org", "verify_keys": {"a": {}}, "valid_until_ts": 1}
            ),
            "failed",
            "signing-key",
        ),
        ("registration", answer(401, {"flows": [], "session": "x"}), "failed", "registration-open"),
        ("registration", answer(200, {"user_id": "@a:b"}), "failed", "registration-open"),
        ("registration", answer(404, ""), "unknown", "matrix-wrong-answer"),
        ("registration", answer(403, "<html>"), "unknown", "matrix-wrong-answer"),
        ("administration", answer(200, {"server_version": "1"}), "failed", "admin-public"),
        ("administration", answer(401, {"errcode": "M_MISSING_TOKEN"}), "failed", "admin-public"),
        (
            "administration, encoded",
            answer(401, {"errcode": "M_MISSING_TOKEN"}),
            "failed",
            "admin-public",
        ),
        ("administration", answer(500, ""), "unknown", "matrix-wrong-answer"),
        ("login", answer(200, {"flows": [{"type": "m.login.sso"}]}), "failed", "login-missing"),
        ("login", answer(200, {"flows": ["m.login.password"]}), "failed", "login-missing"),
    ],
)
def test_an_answer_that_is_wrong(aspect: str, item: Measurement, status: str, cause: str) -> None:
    verdict = judge_answer(ASKED[aspect].rule, item, NAMES, THIS_COMPUTER)
    assert (verdict.status.value, verdict.cause) == (status, cause)
    assert verdict.mend is not None


def test_silence_everywhere_is_one_finding() -> None:
    silent = {aspect: measured(error="timeout", kind="http") for aspect in ASKED}
    found = tuple(judge_answers("outside", THIS_COMPUTER, NAMES, silent))
    assert brief(found) == [("outside versions", "failed", "matrix-no-answer")]


def test_questions_go_to_the_address_and_carry_the_name() -> None:
    check = MatrixCheck()
    probes = {p.id: p for p in check.probes(context(), THIS_COMPUTER)}
    assert set(probes) == {f"outside {aspect}" for aspect in ASKED}
    assert all(p.fields["address"] == ADDRESS for p in probes.values())
    assert probes["outside registration"].fields["method"] == "POST"
    assert check.probes(context(), "outside") == ()
