"""What the options with two servers ask for besides: lines, choices, and what they mean."""

from __future__ import annotations

from collections.abc import Callable

from assistant.common.validators import clean_address, clean_line, clean_port
from assistant.setup.mirrors import MIRRORS, clean_mirror, is_known
from assistant.setup.model import Role
from assistant.text import Message, msg
from assistant.wizard.draft import Draft, TypedHost
from assistant.wizard.draft_to_setup import RFC2136
from assistant.wizard.typed_fields import (
    clean_account,
    clean_algorithm,
    clean_home_port,
    clean_key_name,
)
from screens.servers.providers import companies, company, has_account
from screens.servers.server_entry import public_of
from screens.widgets.field import Line
from screens.widgets.stepper import Choice

OWN = "another"
"""The choice of something that is typed."""

# -- mirrors -----------------------------------------------------------------------

MIRROR_WHERE = msg(
    "Servers in mainland China often get packages from abroad slowly or not at all. A mirror is a"
    " copy of them inside China. Most providers there have set one up on their servers already;"
    " then nothing needs to be chosen."
)


def mirror_choices() -> tuple[Choice, ...]:
    """No mirror, the known ones, or one that is typed."""
    says = msg("Debian, Ubuntu and Python packages come from there.")
    return (
        Choice("", msg("as the server has it"), msg("Choose a mirror if setting up is too slow.")),
        *(Choice(mirror.id, mirror.title, says) for mirror in MIRRORS),
        Choice(OWN, msg("another"), msg("Type its address below.")),
    )


def mirror_choice(mirror: str) -> str:
    """Which of the choices a mirror is, as a draft has it."""
    return mirror if not mirror or is_known(mirror) else OWN


MIRROR_LINE = Line(
    id="mirror",
    label=msg("Its address"),
    example="http://mirror.example.cn/debian",
    check=clean_mirror,
    hint=msg("The folder that ends with /debian or /ubuntu."),
    where=MIRROR_WHERE,
    needed=msg("The address of the mirror is needed."),
)

# -- port (option 4) -----------------------------------------------------------------

PORT_LINE = Line(
    id="port",
    label=msg("Port"),
    example="23517",
    check=clean_home_port,
    hint=msg("Any high one will do; the checks test it."),
    where=msg(
        "Providers in China close the usual ports (80, 443 and often 8080) of lines at home."
        " Therefore people's apps connect to a high port. It is part of the address they are given,"
        " like https://chat.example.org:23517, so keep it once people use it."
    ),
    needed=msg("A port is needed, like 23517."),
)


def router_rule(draft: Draft) -> Message:
    """The exact rule to enter in the router at home."""
    home = draft.hosts.get(Role.HOME.value, TypedHost())
    port = draft.access_port.strip() or "?"
    address = home.login.address.strip()
    if not address or any(public_of(address)) or (home.jump is not None and home.jump.address):
        to = msg("the address of the machine at home in its own network")
    else:
        to = msg("{address}", address=address)
    return msg(
        "In your router, under port forwarding (or: virtual server), enter:\n"
        "  protocol TCP, outside port {port}, to {to}, inside port {port}\n"
        "For IPv6, allow TCP port {port} to that machine in the router's firewall. Let the router"
        " give the machine the same address always.",
        port=port,
        to=to,
    )


# -- DNS provider (options 3 and 4) ----------------------------------------------------

DNS_WHERE = msg(
    "This is the company whose name servers answer for your domain, often the one where you rent"
    " it. The certificate is proved by a record that is added there for a moment, and in option 4"
    " the address of the line at home is kept up to date there.\n\nThe key for that is asked for"
    " when the servers are set up. It is kept on the server that needs it, and nowhere on this"
    " computer."
)
COMPANY_NEEDED = msg("Choose the company with the arrow keys left and right.")
DNS_NEEDED = msg("The company is needed: without it there is no certificate.")


def provider_choices(provider: str, option: int, *, practice: bool) -> tuple[Choice, ...]:
    """Nothing yet, and the companies that fit. In a practice there is one already.

    ``provider`` is the one that is set; it is offered though it may not be a well-known one.
    """
    nothing = (
        Choice("", msg("the practice company"), msg("It does everything at once."))
        if practice
        else Choice("", msg("not chosen yet"), msg("Choose with the arrow keys left and right."))
    )
    known = tuple(Choice(one.id, one.title, one.key) for one in companies(option))
    if provider and all(one.value != provider for one in known):
        name = msg("{name}", name=provider)
        known = (*known, Choice(provider, name, msg("As it was set before.")))
    return (nothing, *known)


def provider_lines(chosen: str) -> tuple[Line, ...]:
    """What to type for a chosen company."""
    if not chosen:
        return ()
    if chosen == RFC2136:
        return _update_lines()
    known = company(chosen)
    label = msg("Account") if known is None else known.account
    return (_account(label),) if label is not None and has_account(chosen) else ()


def all_provider_lines() -> tuple[Line, ...]:
    """Every line that some company needs, each once."""
    return (_account(msg("Account")), *_update_lines())


def _account(label: Message) -> Line:
    return Line(
        id="account",
        label=label,
        example=msg("the half that is not secret"),
        check=clean_account,
        hint=msg("Only this half. The secret one is asked for later."),
        where=DNS_WHERE,
        needed=msg("This half of the key is needed. The secret one is asked for later."),
    )


def _update_lines() -> tuple[Line, ...]:
    where = msg(
        "RFC 2136 is how name servers such as BIND or Knot take changes. The key (TSIG) must be"
        " allowed to change the records of your domain."
    )
    return (
        Line(
            id="server",
            label=msg("Name server"),
            example="192.0.2.53",
            check=clean_address,
            hint=msg("Where changes are sent to."),
            where=where,
            needed=msg("The address of the name server is needed."),
        ),
        Line(
            id="port",
            label=msg("Port"),
            example="53",
            check=clean_port,
            hint=msg("It is 53 unless somebody changed it."),
            where=where,
            needed=msg("A port is needed. The usual one is 53."),
        ),
        Line(
            id="key_name",
            label=msg("Name of the key"),
            example="matrix-key",
            check=clean_key_name,
            hint=msg("As the name server calls it. The key itself is asked for later."),
            where=where,
            needed=msg("The name of the key is needed."),
        ),
        Line(
            id="algorithm",
            label=msg("Algorithm"),
            example="HMAC-SHA256",
            check=clean_algorithm,
            hint=msg("Usually HMAC-SHA256."),
            where=where,
            needed=msg("The algorithm of the key is needed, usually HMAC-SHA256."),
        ),
    )


# -- links (options 3 and 4) -------------------------------------------------------------

LINKS_WHERE = msg(
    "Cloud companies in China watch for names without a filing on every connection. Wrapped means"
    " that connections between your servers go inside a second encryption that shows no name."
    " Begin with direct; when the checks find a filter, they advise to wrap."
)


def link_choices() -> tuple[Choice, ...]:
    """The two ways a link can be."""
    return (
        Choice(
            "direct",
            msg("direct"),
            msg("Simple and quick. The name of the server can be seen on the way."),
        ),
        Choice(
            "wrapped",
            msg("wrapped"),
            msg("Encrypted once more between your own servers; no name can be seen on the way."),
        ),
    )


# -- devices (option 3) -------------------------------------------------------------------

DEVICES_WHERE = msg(
    "The name of the server in China is in no public DNS, so each device has to be told where it"
    " is.\n\nOn the device itself: a line in its hosts file (computers, rooted phones).\n\nOn the"
    " router: one rule for everything at home (dnsmasq, OpenWrt).\n\nBy a private resolver on your"
    " server: a profile for iPhones, a setting for Android; also on the go.\n\nYou are given each"
    " of them ready to copy at the end."
)


def resolver_choices() -> tuple[Choice, ...]:
    """Whether there is a private resolver."""
    return (
        Choice(
            "no",
            msg("on devices and routers"),
            msg("A line on each computer, or one rule on the router at home."),
        ),
        Choice(
            "yes",
            msg("also by a private resolver"),
            msg(
                "Your server in China also answers phones that ask it for its own name. It answers"
                " nothing else. Best for iPhones, which have no hosts file."
            ),
        ),
    )


# -- filing (option 2) ---------------------------------------------------------------------


def filing_lines() -> tuple[Line, Line]:
    """The two numbers that must stand on the visitors' page."""
    where = msg(
        "A web page inside China must show its filing number at the foot, linked to the ministry's"
        " page, and the number of the public security bureau where there is one. This program puts"
        " them on the page that visitors of your server see."
    )
    check: Callable[[str], object] = clean_line
    return (
        Line(
            id="filing",
            label=msg("ICP filing"),
            example="京ICP备12345678号-1",
            check=check,
            hint=msg("The number for this domain. Not there yet? Leave it empty."),
            where=where,
        ),
        Line(
            id="security_filing",
            label=msg("Public security"),
            example="京公网安备11010502030143号",
            check=check,
            hint=msg("Due within 30 days after going online. It may stay empty."),
            where=where,
        ),
    )
