"""From what was typed to a Setup, and back: pure functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from assistant.draft import Draft, TypedHost, TypedLogin
from assistant.errors import InputError, ProblemError
from assistant.recommendation import recommend
from assistant.setup import RELEASES, ROLES, Host, Login, Role, Settings, Setup
from assistant.steps import Step
from assistant.text import Message, msg
from assistant.typed import (
    clean_address,
    clean_domain,
    clean_email,
    clean_ipv4,
    clean_ipv6,
    clean_line,
    clean_port,
    clean_user,
)

T = TypeVar("T")


class FieldError(InputError):
    """Something typed cannot be used. ``field`` says what: ``server_name``, ``acme_email``,

    ``option``, or for a server ``outside.login.address`` and so on.
    """

    def __init__(self, field: str, message: Message) -> None:
        super().__init__("draft-field", message)
        self.field = field


def setup_from_draft(
    draft: Draft, present: Setup | None = None, settings: Settings | None = None
) -> Setup:
    """The Setup that a draft describes, on top of a saved one (None: a new one).

    ``settings`` are those of a new setup. What the program learned about a server stays as long as
    it is the same server; consent to risks stays as long as the answers do. :class:`FieldError`
    names what cannot be used.
    """
    server_name = _typed("server_name", clean_domain, draft.server_name)
    email = _typed("acme_email", clean_email, draft.acme_email)
    option = draft.option or recommend(draft.answers).first
    base = settings or Settings() if present is None else present.settings
    same_name = present is not None and present.server_name == server_name
    made = Setup(
        name=draft.setup or setup_name(server_name),
        created=present.created if present is not None else datetime.now(UTC),
        answers=draft.answers,
        option=option,  # type: ignore[arg-type]  # 1 to 4
        acknowledged=clean_line(draft.acknowledged),
        server_name=server_name,
        access_name=present.access_name if present is not None and same_name else server_name,
        hosts=tuple(_host(role, draft, present) for role in ROLES[option]),
        settings=base.model_copy(update={"acme_email": email}) if email or present else base,
    )
    if present is None:
        return made
    return made.model_copy(
        update={
            "history": present.history,
            "findings": present.findings,
            "set_aside": present.set_aside,
        }
    )


def draft_from_setup(setup: Setup, step: Step = Step.CHECKS, *, practice: bool = False) -> Draft:
    """A draft that goes on with a saved setup at a step."""
    return Draft(
        step=step,
        answers=setup.answers,
        option=setup.option,
        acknowledged=setup.acknowledged,
        server_name=setup.server_name,
        server_name_confirmed=True,
        acme_email=setup.settings.acme_email,
        hosts={host.role.value: _typed_host(host) for host in setup.hosts},
        setup=setup.name,
        practice=practice,
    )


def setup_name(server_name: str) -> str:
    """The name of a setup for a server name: ``chat.example.org`` → ``chat-example-org``."""
    return re.sub(r"[^a-z0-9]+", "-", server_name.lower()).strip("-")[:60].strip("-") or "matrix"


def _host(role: Role, draft: Draft, present: Setup | None) -> Host:
    name = role.value
    typed = draft.hosts.get(name)
    if typed is None:
        raise FieldError(
            f"{name}.login.address", msg("The address of the server is missing. Type it.")
        )
    login = _login(f"{name}.login", typed.login, typed.host_key)
    jump = None
    if typed.jump is not None and typed.jump.address.strip():
        jump = _login(f"{name}.jump", typed.jump, typed.jump_key)
    ipv4 = _typed(f"{name}.public_ipv4", clean_ipv4, typed.public_ipv4)
    ipv6 = _typed(f"{name}.public_ipv6", clean_ipv6, typed.public_ipv6)
    if not ipv4 and not ipv6 and jump is None:
        ipv4, ipv6 = _public(login.address)
    known = next((host for host in present.hosts if host.role is role), None) if present else None
    return Host(
        name=known.name if known else name,
        role=role,
        login=login,
        jump=jump,
        public_ipv4=ipv4,
        public_ipv6=ipv6,
        release=typed.release if typed.release in RELEASES else "",  # type: ignore[arg-type]
        keep_ports=known.keep_ports if known else (),
    )


def _login(field: str, typed: TypedLogin, key: str) -> Login:
    return Login(
        address=_typed(f"{field}.address", clean_address, typed.address),
        port=_typed(f"{field}.port", clean_port, typed.port),
        user=_typed(f"{field}.user", clean_user, typed.user),
        key_file=_typed(f"{field}.key_file", clean_line, typed.key_file).strip(),
        host_key=_typed(field, clean_line, key),
    )


def _typed(field: str, clean: Callable[[str], T], text: str) -> T:
    try:
        return clean(text)
    except ProblemError as error:
        raise FieldError(field, error.message) from None


def _public(address: str) -> tuple[str, str]:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "", ""
    return (str(ip), "") if ip.version == 4 else ("", str(ip))


def _typed_host(host: Host) -> TypedHost:
    return TypedHost(
        login=_typed_login(host.login),
        jump=None if host.jump is None else _typed_login(host.jump),
        public_ipv4=host.public_ipv4,
        public_ipv6=host.public_ipv6,
        host_key=host.login.host_key,
        jump_key="" if host.jump is None else host.jump.host_key,
        release=host.release,
        reached=bool(host.login.host_key and host.release),
    )


def _typed_login(login: Login) -> TypedLogin:
    return TypedLogin(
        address=login.address, port=str(login.port), user=login.user, key_file=login.key_file
    )
