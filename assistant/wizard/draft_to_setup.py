"""From what was typed to a Setup, and back: pure functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from assistant.advice.recommendation import recommend
from assistant.common.errors import ProblemError
from assistant.common.validators import (
    clean_address,
    clean_domain,
    clean_email,
    clean_ipv4,
    clean_ipv6,
    clean_kept_ports,
    clean_line,
    clean_port,
    clean_user,
)
from assistant.plan.dns_providers import provider_named
from assistant.setup.home_ports import candidate_ports
from assistant.setup.mirrors import choice_of_mirror, is_known, mirror_of_choice
from assistant.setup.model import (
    RELEASES,
    ROLES,
    DnsProvider,
    DnsUpdate,
    Host,
    Login,
    Mirror,
    Role,
    Settings,
    Setup,
)
from assistant.text import msg
from assistant.wizard.draft import Draft, TypedHost, TypedLogin, TypedProvider, draft_of
from assistant.wizard.steps import Step
from assistant.wizard.typed_fields import (
    FieldError,
    _clean_number,
    clean_account,
    clean_algorithm,
    clean_home_port,
    clean_key_name,
    clean_names,
    clean_provider,
)

T = TypeVar("T")


RFC2136 = "rfc2136"
"""The provider's name for a name server of one's own that takes updates."""
DNS_OPTIONS = (3, 4)
"""The options whose certificates are proved by DNS records, since no web server can be asked."""


_FRESH = {3: ("devices",), 4: ("port", "links")}
"""What an option asks for that the one before it, with the same servers or one less, did not."""


DECIDED = frozenset(
    {
        "acme_email", "challenge", "federation", "filing", "home_link", "outside_link",
        "private_resolver", "provider", "security_filing",
    }
)  # fmt: skip
"""The settings that a draft decides on; all others are those of the computer or the setup."""


def setup_from_draft(
    draft: Draft, present: Setup | None = None, settings: Settings | None = None
) -> Setup:
    """The Setup that a draft describes, on top of a saved one (None: a new one).

    ``settings`` are those of a new setup. What the program learned about a server stays as long as
    it is the same server; consent to risks stays as long as the answers do. :class:`FieldError`
    names what cannot be used.
    """
    server_name = _typed("server_name", clean_domain, draft.server_name)
    option = draft.option or recommend(draft.answers).first
    outside_name = _outside_name(draft, option, server_name)
    base = settings or Settings() if present is None else present.settings
    same_name = present is not None and present.server_name == server_name
    access_name = present.access_name if present is not None and same_name else server_name
    made = Setup(
        name=draft.setup or setup_name(server_name),
        created=present.created if present is not None else datetime.now(UTC),
        answers=draft.answers,
        option=option,  # type: ignore[arg-type]  # 1 to 4
        acknowledged=clean_line(draft.acknowledged),
        server_name=server_name,
        access_name=access_name,
        access_port=_access_port(draft, server_name) if option == 4 else 443,
        spare_names=_spare_names(draft, (server_name, access_name, outside_name)),
        outside_name=outside_name,
        hosts=tuple(_host(role, draft, present) for role in ROLES[option]),
        settings=_settings(draft, option, base, present),
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
    return draft_of(setup, step).model_copy(update={"practice": practice})


def draft_towards(setup: Setup, option: int, *, practice: bool = False) -> Draft:
    """A draft that leads a saved setup to another option, from the advice on.

    Servers and names stay with what they are. The sentence of the new option is to be typed, and
    what the present option did not ask for is to be chosen.
    """
    draft = with_option(draft_from_setup(setup, Step.ADVICE, practice=practice), option)
    fresh = _FRESH.get(option, ())
    settled = tuple(topic for topic in draft.settled if topic not in fresh)
    return draft.model_copy(update={"acknowledged": "", "settled": settled})


def home_port(setup: str) -> int:
    """The port that a home line is given at first, for the name of a setup."""
    return candidate_ports(setup)[0]


def fits_option(provider: str, option: int) -> bool:
    """Whether a DNS provider can do what an option needs of it.

    Options 3 and 4 prove certificates by its records; with option 4 it also follows the home line.
    Elsewhere it only sets the records.
    """
    if provider == RFC2136:
        return True
    known = provider_named(provider)
    proves, sets = bool(known.lego), bool(known.lexicon)
    return (proves or option not in DNS_OPTIONS) and (sets or option == 3)


def with_option(draft: Draft, option: int) -> Draft:
    """The draft with another option.

    A name stays with its server: that of option 1 is the outside one of the other options, so the
    server inside then needs one of its own, and the other way round. Where no option was chosen
    (any more: other answers take it back), the names say what they were for.
    """
    update: dict[str, object] = {"option": option}
    before: int | None = draft.option
    if before is None and (draft.server_name or draft.outside_name):
        before = 2 if draft.outside_name else 1
    if before is not None and (before == 1) != (option == 1):
        if option == 1 and draft.outside_name:
            update |= {
                "server_name": draft.outside_name,
                "server_name_confirmed": draft.outside_name_confirmed,
                "outside_name": "",
                "outside_name_confirmed": False,
                "spare_names": "",
            }
        elif option != 1 and draft.server_name and not draft.outside_name:
            update |= {
                "server_name": "",
                "server_name_confirmed": False,
                "outside_name": draft.server_name,
                "outside_name_confirmed": draft.server_name_confirmed,
                "spare_names": "",
            }
    return draft.model_copy(update=update)


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
    known = next((host for host in present.hosts if host.role is role), None) if present else None
    if not ipv4 and not ipv6 and role is Role.HOME and known is not None:
        ipv4, ipv6 = known.public_ipv4, known.public_ipv6  # Found out, and not by the person.
    elif not ipv4 and not ipv6 and role is not Role.HOME and jump is None:
        ipv4, ipv6 = _public(login.address)
    return Host(
        name=known.name if known else name,
        role=role,
        login=login,
        jump=jump,
        public_ipv4=ipv4,
        public_ipv6=ipv6,
        release=typed.release if typed.release in RELEASES else "",  # type: ignore[arg-type]
        keep_ports=_typed(f"{name}.keep_ports", clean_kept_ports, typed.keep_ports),
        mirror=_mirror(name, typed, known),
    )


def _mirror(name: str, typed: TypedHost, known: Host | None) -> Mirror | None:
    """The mirror that was chosen; one that was set otherwise stays as it is, key and all."""
    if known is not None and choice_of_mirror(known.mirror, known.release) == typed.mirror.strip():
        chosen = typed.mirror.strip()
        if not is_known(chosen):
            return known.mirror
    return _typed(
        f"{name}.mirror", lambda text: mirror_of_choice(text, typed.release), typed.mirror
    )


def _access_port(draft: Draft, server_name: str) -> int:
    if not draft.access_port.strip():
        return home_port(draft.setup or setup_name(server_name))
    return _typed("access_port", clean_home_port, draft.access_port)


def _outside_name(draft: Draft, option: int, server_name: str) -> str:
    if Role.INSIDE not in ROLES[option]:
        return ""
    name = _typed("outside_name", clean_domain, draft.outside_name)
    if name == server_name:
        raise FieldError("outside_name", msg("The two servers cannot have the same name."))
    return name


def _spare_names(draft: Draft, taken: tuple[str, ...]) -> tuple[str, ...]:
    names = _typed("spare_names", clean_names, draft.spare_names)
    if any(name in taken for name in names):
        raise FieldError(
            "spare_names", msg("A spare name must be another one than those that are in use.")
        )
    return names


def _settings(draft: Draft, option: int, base: Settings, present: Setup | None) -> Settings:
    """The settings that a draft decides on; what its option does not ask for stays as it is."""
    email = _typed("acme_email", clean_email, draft.acme_email)
    update: dict[str, object] = {"acme_email": email} if email or present else {}
    was = None if present is None else present.answers.federation
    if draft.answers.federation is not None and draft.answers.federation != was:
        update["federation"] = draft.answers.federation.value
    if option == 2:
        update["filing"] = _typed("filing", _clean_number, draft.filing)
        update["security_filing"] = _typed("security_filing", _clean_number, draft.security_filing)
    if option in DNS_OPTIONS:
        update |= {"challenge": "dns-01", "outside_link": draft.outside_link}
    if option == 3:
        update["private_resolver"] = draft.private_resolver
    if option == 4:
        update["home_link"] = draft.home_link
    provider = provider_of(draft.provider, option)
    if provider is not None:  # None was chosen: what the setup has stays.
        update["provider"] = provider
    return base.model_copy(update=update)


def provider_of(typed: TypedProvider, option: int) -> DnsProvider | None:
    """The DNS provider that was typed, None when none was. :class:`FieldError` for one that does
    not do what the option needs, and for what cannot be used.
    """
    if not typed.name.strip():
        return None
    name = _typed("provider.name", clean_provider, typed.name)
    if not fits_option(name, option):
        raise FieldError(
            "provider.name",
            msg("This company cannot be used for option {option}. Choose another.", option=option),
        )
    if name != RFC2136:
        account = _typed("provider.account", clean_account, typed.account)
        return DnsProvider(name=name, account=account)
    update = DnsUpdate(
        server=_typed("provider.server", clean_address, typed.server),
        port=_typed("provider.port", clean_port, typed.port),
        key_name=_typed("provider.key_name", clean_key_name, typed.key_name),
        algorithm=_typed("provider.algorithm", clean_algorithm, typed.algorithm),
    )
    return DnsProvider(name=name, update=update)


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
