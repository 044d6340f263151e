"""What the answers of a Matrix server mean. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.evidence import TRIES, describe


@dataclass(frozen=True)
class Names:
    """The names answers are compared with; apps connect to ``access`` at ``port``."""

    server: str
    access: str
    port: int = 443

    @property
    def base(self) -> str:
        """What apps are told, without a slash at its end."""
        return f"https://{self.access}" + ("" if self.port == 443 else f":{self.port}")


@dataclass(frozen=True)
class Verdict:
    """What a rule says of one answer; ``cause`` is empty when all is well."""

    status: Status
    cause: str
    text: Message
    mend: Remedy | None = None


Rule = Callable[[int, Mapping[str, str], Any, Names], Verdict]
"""Status, headers (lower-case), body as JSON (None when it is none), names → verdict."""


def _good(text: Message) -> Verdict:
    return Verdict(Status.OK, "", text)


def _bad(cause: str, text: Message, mend: Remedy | None = None) -> Verdict:
    return Verdict(Status.FAILED, cause, text, mend or _apply())


def _apply() -> Remedy:
    return remedy(
        Mender.ASSISTANT,
        msg("Apply the setup again: it puts the configuration in order and restarts what must."),
        "apply",
    )


def rule_versions(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """/_matrix/client/versions lists versions."""
    if isinstance(body, dict) and body.get("versions"):
        return _good(msg("The Matrix server answers apps."))
    text = msg("Something answers at {name} (status {status}), but not a Matrix server.",
               name=names.access, status=status)  # fmt: skip
    return _bad("matrix-wrong-answer", text)


def rule_client(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """/.well-known/matrix/client leads to the access name, readable by apps in a browser."""
    values = {"server": names.server, "base": names.base}
    if status != 200 or not isinstance(body, dict):
        text = msg("{server} does not tell apps where the server is.", **values)
        return _bad("well-known-missing", text, _hosted_elsewhere(names))
    base = body.get("m.homeserver")
    found = base.get("base_url") if isinstance(base, dict) else None
    if str(found or "").rstrip("/") != names.base:
        text = msg("{server} sends apps to {found} instead of {base}.",
                   found=found or "?", **values)  # fmt: skip
        return _bad("well-known-wrong", text, _hosted_elsewhere(names))
    if headers.get("access-control-allow-origin") != "*":
        text = msg("Apps in a browser may not read where the server is.")
        return _bad("well-known-cors", text)
    return _good(msg("Apps find the server by the name {server}.", **values))


def rule_server(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """/.well-known/matrix/server leads to the access name on port 443."""
    values = {"server": names.server, "access": names.access}
    if status != 200 or not isinstance(body, dict):
        text = msg("{server} does not tell other servers where it is.", **values)
        return _bad("well-known-missing", text, _hosted_elsewhere(names))
    found = str(body.get("m.server", ""))
    if found.lower() != f"{names.access}:443":
        text = msg("{server} sends other servers to {found} instead of {access}:443.",
                   found=found or "?", **values)  # fmt: skip
        return _bad("well-known-wrong", text, _hosted_elsewhere(names))
    return _good(msg("Other servers find the server by the name {server}.", **values))


def _hosted_elsewhere(names: Names) -> Remedy | None:
    """A hint for a server name whose web site may be somebody else's."""
    return remedy(
        Mender.ASSISTANT,
        msg(
            "Apply the setup again. If the website of {server} is served from elsewhere, its"
            " /.well-known/matrix must be there too.",
            server=names.server,
        ),
        "apply",
    )


def rule_federation(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """/_matrix/federation/v1/version names the server's software."""
    if status == 200 and isinstance(body, dict) and "server" in body:
        return _good(msg("Other servers can talk to this one."))
    text = msg("Other servers cannot talk to this one (status {status}).", status=status)
    return _bad("matrix-wrong-answer", text)


def rule_key(
    status: int,
    headers: Mapping[str, str],
    body: Any,
    names: Names,
    now: datetime | None = None,
) -> Verdict:
    """/_matrix/key/v2/server: for this server name, with keys, valid in the future."""
    if status != 200 or not isinstance(body, dict):
        return _bad("signing-key", msg("The server does not show its signing key."))
    if body.get("server_name") != names.server:
        text = msg("The signing key is for {found}, not for {server}.",
                   found=str(body.get("server_name")), server=names.server)  # fmt: skip
        return _bad("signing-key", text)
    until = body.get("valid_until_ts")
    at = (now or datetime.now(UTC)).timestamp() * 1000
    if not body.get("verify_keys") or not isinstance(until, (int, float)) or until <= at:
        return _bad("signing-key", msg("The signing key is missing or no longer valid."))
    return _good(msg("The server shows a valid signing key."))


def rule_register(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """POST /_matrix/client/v3/register must be forbidden; an offer of flows means it is open."""
    code = body.get("errcode") if isinstance(body, dict) else None
    if status == 403 and code == "M_FORBIDDEN":
        return _good(msg("Strangers cannot make accounts."))
    if status in (200, 400, 401) and isinstance(body, dict) and (status == 200 or "flows" in body):
        return _bad("registration-open", msg("Anybody on the internet can make an account."))
    text = msg("Whether strangers can make accounts could not be told (status {status}).",
               status=status)  # fmt: skip
    return Verdict(Status.UNKNOWN, "matrix-wrong-answer", text, _apply())


def rule_admin(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """The administration interface must not be passed on.

    A 401 comes from Synapse itself and so proves that the way to it is open.
    """
    code = body.get("errcode") if isinstance(body, dict) else None
    if status == 200 or (isinstance(code, str) and code in ("M_MISSING_TOKEN", "M_UNKNOWN_TOKEN")):
        text = msg("The administration interface can be reached from the internet.")
        return _bad("admin-public", text)
    if status in (403, 404):
        return _good(msg("The administration interface is closed."))
    text = msg("Whether the administration interface is closed could not be told (status"
               " {status}).", status=status)  # fmt: skip
    return Verdict(Status.UNKNOWN, "matrix-wrong-answer", text, _apply())


def rule_login(status: int, headers: Mapping[str, str], body: Any, names: Names) -> Verdict:
    """GET /_matrix/client/v3/login offers passwords."""
    flows = body.get("flows") if isinstance(body, dict) else None
    kinds = [f.get("type") for f in flows or () if isinstance(f, dict)]
    if "m.login.password" in kinds:
        return _good(msg("People can log in with their passwords."))
    return _bad("login-missing", msg("The server does not offer to log in with a password."))


@dataclass(frozen=True)
class Ask:
    """One question: ``at_server`` asks at the server name, else at the access name."""

    rule: Rule
    path: str
    at_server: bool = False
    method: str = "GET"
    body: str = ""


ASKED: Mapping[str, Ask] = {
    "versions": Ask(rule_versions, "/_matrix/client/versions"),
    "well-known-client": Ask(rule_client, "/.well-known/matrix/client", at_server=True),
    "well-known-server": Ask(rule_server, "/.well-known/matrix/server", at_server=True),
    "federation": Ask(rule_federation, "/_matrix/federation/v1/version"),
    "signing-key": Ask(rule_key, "/_matrix/key/v2/server"),
    "registration": Ask(rule_register, "/_matrix/client/v3/register", method="POST", body="{}"),
    "administration": Ask(rule_admin, "/_synapse/admin/v1/server_version"),
    # Paths that nginx reads as another one than Synapse does.
    "administration, encoded": Ask(
        rule_admin, "/_synapse/admin/v2/users/..%2f..%2f..%2f..%2f_matrix%2fx"
    ),
    "administration, dots": Ask(
        rule_admin, "/_synapse/admin/v2/%2e%2e/%2e%2e/%2e%2e/_synapse/client/x"
    ),
    "administration, slashes": Ask(rule_admin, "//_synapse//admin/v1/server_version"),
    "login": Ask(rule_login, "/_matrix/client/v3/login"),
}
"""What is asked of the server, by the aspect findings name."""

PEERS_ASK = ("versions", "well-known-server", "federation", "signing-key")
"""What another server of the setup asks, on the way on which messages travel."""


def judge_answers(
    host: str, vantage: str, names: Names, answers: Mapping[str, Measurement]
) -> Iterator[Finding]:
    """One finding per aspect; when the server cannot be asked at all, only one."""
    silent = [item for item in answers.values() if not item.ok]
    if silent and len(silent) == len(answers):
        yield conclude(
            "matrix",
            f"{host} versions",
            vantage,
            # One question may get lost on a healthy line.
            Status.FAILED if len(silent) >= TRIES else Status.UNKNOWN,
            "matrix-no-answer",
            msg("{vantage} gets no answer from {name}.", vantage=vantage, name=names.access),
            confidence=Confidence.MEDIUM,
            evidence=tuple(describe(item) for item in silent),
            remedy=remedy(
                Mender.YOU, msg("See the findings about ports and certificates: they come first.")
            ),
        )
        return
    for aspect, item in answers.items():
        verdict = judge_answer(ASKED[aspect].rule, item, names, vantage)
        yield conclude(
            "matrix",
            f"{host} {aspect}",
            vantage,
            verdict.status,
            verdict.cause,
            verdict.text,
            evidence=(describe(item), str(item.data.get("body", ""))) if verdict.cause else (),
            remedy=verdict.mend,
            confidence=Confidence.HIGH,
        )


def judge_answer(rule: Rule, item: Measurement, names: Names, vantage: str) -> Verdict:
    """A rule's verdict, after what any answer may be: none, a broken proxy."""
    if not item.ok:
        text = msg("{vantage} got no answer from {name} to one of several questions.",
                   vantage=vantage, name=names.access)  # fmt: skip
        again = remedy(Mender.YOU, msg("Check again; the line may lose packets."))
        return Verdict(Status.UNKNOWN, "matrix-no-answer", text, again)
    status = item.data.get("status")
    status = status if isinstance(status, int) else 0
    headers = item.data.get("headers")
    headers = {str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
    text_body = str(item.data.get("body", ""))
    body = _json(text_body)
    if status in (502, 503, 504):
        text = msg("The web server of {name} does not get through to the Matrix server.",
                   name=names.access)  # fmt: skip
        return _bad("matrix-proxy", text)
    return rule(status, headers, body, names)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
