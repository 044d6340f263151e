"""The wizard's unfinished work: everything entered so far, and where the person was.

A Setup needs a server name and servers; until there are some, a draft keeps what was entered, as
typed. From the moment a setup exists the draft only says which one it is and what comes next.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
from pydantic import Field, ValidationError

from assistant.answers import Answers
from assistant.common.atomic import write_atomically
from assistant.common.frozen import Frozen
from assistant.wizard.steps import STEPS, Step

if TYPE_CHECKING:
    from assistant.setup.model import DnsProvider, Host, Login, Setup

__all__ = ["STEPS", "Draft", "Step", "TypedHost", "TypedLogin", "TypedProvider"]
__all__ += ["draft_of", "draft_path", "drop_draft", "load_draft", "save_draft"]

TOPICS = ("port", "dns", "devices", "links", "filing")
"""What an option may ask for besides names and servers; see ``Draft.settled``."""


class TypedLogin(Frozen):
    """How to log in, as typed; nothing is checked yet. Passwords are never among it."""

    address: str = ""
    port: str = "22"
    user: str = "root"
    key_file: str = ""


class TypedHost(Frozen):
    """A server as typed. ``host_key`` and ``release`` are filled in once it was tried.

    ``mirror`` is where it gets packages from: an id of :mod:`assistant.setup.mirrors`, an address
    that was typed, or nothing. ``keep_ports`` are separated by spaces or commas.
    """

    login: TypedLogin = TypedLogin()
    jump: TypedLogin | None = None
    public_ipv4: str = ""
    public_ipv6: str = ""
    host_key: str = ""
    jump_key: str = ""
    release: str = ""
    reached: bool = False
    mirror: str = ""
    keep_ports: str = ""


class TypedProvider(Frozen):
    """Who changes the DNS records, as typed; the token is asked for when it is used, never here.

    ``name`` as in :class:`assistant.setup.model.DnsProvider`; the last four are for ``rfc2136``.
    """

    name: str = ""
    account: str = ""
    server: str = ""
    port: str = "53"
    key_name: str = ""
    algorithm: str = "HMAC-SHA256"


class Draft(Frozen):
    """Where the wizard stands. ``setup`` is the name of the saved Setup, empty before there is one.

    ``question`` is the id of the question on screen; ``hosts`` is keyed by role; ``practice``
    marks a rehearsal; ``resolve`` holds decisions on hand-edited files by host and resource id.
    ``outside_name`` is the name of the second server (options 2 to 4), ``spare_names`` as typed,
    separated by spaces or commas; ``access_port`` is the home line's (option 4). ``settled`` are
    the :data:`TOPICS` the person said yes to.
    """

    version: Literal[1] = 1
    step: Step = Step.QUESTIONS
    question: str = ""
    answers: Answers = Answers()
    option: Literal[1, 2, 3, 4] | None = None
    acknowledged: str = ""
    server_name: str = ""
    server_name_confirmed: bool = False
    acme_email: str = ""
    outside_name: str = ""
    outside_name_confirmed: bool = False
    spare_names: str = ""
    access_port: str = ""
    home_link: Literal["direct", "wrapped"] = "direct"
    outside_link: Literal["direct", "wrapped"] = "direct"
    filing: str = ""
    security_filing: str = ""
    private_resolver: bool = False
    provider: TypedProvider = TypedProvider()
    settled: tuple[str, ...] = ()
    hosts: dict[str, TypedHost] = Field(default_factory=dict)
    setup: str = ""
    practice: bool = False
    resolve: dict[str, dict[str, str]] = Field(default_factory=dict)


def draft_of(setup: Setup, step: Step, known: Draft | None = None) -> Draft:
    """The wizard's draft for a saved setup; what an earlier draft of it knew is kept."""
    if known is not None and known.setup == setup.name:
        return known.model_copy(update={"step": step})
    settings = setup.settings
    return Draft(
        step=step,
        answers=setup.answers,
        option=setup.option,
        acknowledged=setup.acknowledged,
        server_name=setup.server_name,
        server_name_confirmed=True,
        acme_email=settings.acme_email,
        outside_name=setup.outside_name,
        outside_name_confirmed=bool(setup.outside_name),
        spare_names=" ".join(setup.spare_names),
        access_port=str(setup.access_port) if setup.option == 4 else "",
        home_link=settings.home_link,
        outside_link=settings.outside_link,
        filing=settings.filing,
        security_filing=settings.security_filing,
        private_resolver=settings.private_resolver,
        provider=_provider(settings.provider),
        settled=TOPICS if setup.option != 1 else (),
        hosts={host.role.value: _typed(host) for host in setup.hosts},
        setup=setup.name,
    )


def _provider(provider: DnsProvider | None) -> TypedProvider:
    if provider is None:
        return TypedProvider()
    update = provider.update
    if update is None:
        return TypedProvider(name=provider.name, account=provider.account)
    return TypedProvider(
        name=provider.name,
        account=provider.account,
        server=update.server,
        port=str(update.port),
        key_name=update.key_name,
        algorithm=update.algorithm,
    )


def _typed(host: Host) -> TypedHost:
    from assistant.setup.mirrors import choice_of_mirror  # only here, so that starting is quick

    return TypedHost(
        login=_login(host.login),
        jump=_login(host.jump) if host.jump else None,
        public_ipv4=host.public_ipv4,
        public_ipv6=host.public_ipv6,
        host_key=host.login.host_key,
        jump_key=host.jump.host_key if host.jump else "",
        release=host.release,
        reached=bool(host.login.host_key and host.release),
        mirror=choice_of_mirror(host.mirror, host.release),
        keep_ports=" ".join(map(str, host.keep_ports)),
    )


def _login(login: Login) -> TypedLogin:
    return TypedLogin(
        address=login.address, port=str(login.port), user=login.user, key_file=login.key_file
    )


def draft_path(folder: Path | None = None) -> Path:
    """The file of the draft; there is one at a time."""
    return (folder or platformdirs.user_data_path("matrix-assistant")) / "draft.json"


def save_draft(draft: Draft, folder: Path | None = None) -> None:
    """Save the draft, whole or not at all; ``OSError`` when the disk refuses."""
    path = draft_path(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, draft.model_dump_json(indent=2) + "\n")


def load_draft(folder: Path | None = None) -> Draft | None:
    """The saved draft; None when there is none. A damaged one is put aside, never thrown away."""
    path = draft_path(folder)
    try:
        return Draft.model_validate(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, ValidationError):
        path.rename(path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d%H%M%S}"))
        return None


def drop_draft(folder: Path | None = None) -> None:
    """Forget the draft: its work is finished or was given up."""
    draft_path(folder).unlink(missing_ok=True)
