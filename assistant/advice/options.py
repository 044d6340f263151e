"""The four ways to deploy, as data: what each is, who connects to whom, and what to know first."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from assistant.setup.model import ROLES, Role
from assistant.text import LANGUAGES, Message, msg, render

OptionNumber = Literal[1, 2, 3, 4]


class Side(StrEnum):
    """On which side of the border filter something stands."""

    OUTSIDE = "outside"
    INSIDE = "inside"


class NodeKind(StrEnum):
    """What a box in the drawing is."""

    PEOPLE = "people"
    SERVER = "server"
    PROXY = "proxy"


class LinkKind(StrEnum):
    """What a line in the drawing carries.

    ``clients``: the apps of people; ``federation``: servers exchanging messages; ``forward``: a
    proxy passing on what the apps send.
    """

    CLIENTS = "clients"
    FEDERATION = "federation"
    FORWARD = "forward"


class NameSource(StrEnum):
    """How the start of a link learns the address of its end."""

    PUBLIC_DNS = "public_dns"
    DEVICE_RECORD = "device_record"
    SERVER_RECORD = "server_record"
    ADDRESS = "address"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One box of the drawing; ``role`` is set for the user's own hosts."""

    id: str
    kind: NodeKind
    side: Side
    label: Message
    role: Role | None = None


@dataclass(frozen=True, kw_only=True)
class Link:
    """One line of the drawing, from the node that connects to the node that answers.

    ``both_ways`` means that either end may connect first (federation); ``name`` tells how the
    first finds the second, ``name_back`` how the second finds the first.
    """

    start: str
    end: str
    kind: LinkKind
    name: NameSource
    both_ways: bool = False
    name_back: NameSource | None = None


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Who connects to whom in an option."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    def node(self, node_id: str) -> Node:
        """The node with an id; ``KeyError`` when there is none."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def crosses_border(self, link: Link) -> bool:
        """Whether the two ends of a link stand on different sides."""
        return self.node(link.start).side is not self.node(link.end).side


@dataclass(frozen=True, kw_only=True)
class Stars:
    """One (weak) to three (strong) stars for each criterion; source: the design table."""

    censorship: int
    speed: int
    ease: int


@dataclass(frozen=True, kw_only=True)
class Option:
    """One of the four options.

    ``notes`` are honest remarks to show before anyone decides (not legal advice), ``needs`` what
    must be there before it can be set up. ``acknowledgement`` is the text to type before it is
    applied, ``None`` where nothing needs to be acknowledged; ``test_first`` says that a live test
    of the real network comes before anything else.
    """

    number: OptionNumber
    title: Message
    summary: Message
    topology: Topology
    stars: Stars
    notes: tuple[Message, ...]
    needs: tuple[Message, ...]
    acknowledgement: Message | None = None
    test_first: bool = False

    @property
    def roles(self) -> tuple[Role, ...]:
        """The hosts the option needs."""
        return ROLES[self.number]


def acknowledged(option: int, typed: str) -> bool:
    """Whether what was typed is the option's acknowledgement; case and spaces do not matter.

    The text counts in every language it may have been shown in. Always true for an option
    that asks for none. Raises ``KeyError`` for an unknown option.
    """
    wanted = OPTIONS[option].acknowledgement
    if wanted is None:
        return True
    return _plain(typed) in {_plain(render(wanted, language)) for language in LANGUAGES}


def _plain(text: str) -> str:
    # Whether a space stands between a Han character and a digit is a matter of taste.
    return "".join(unicodedata.normalize("NFKC", text).split()).rstrip(".。").casefold()


_PEOPLE_OUT = Node(
    id="people-outside",
    kind=NodeKind.PEOPLE,
    side=Side.OUTSIDE,
    label=msg("People outside China"),
)
_PEOPLE_IN = Node(
    id="people-inside", kind=NodeKind.PEOPLE, side=Side.INSIDE, label=msg("People in China")
)
_OUT = Node(
    id="outside",
    kind=NodeKind.SERVER,
    side=Side.OUTSIDE,
    label=msg("Your server outside"),
    role=Role.OUTSIDE,
)
_IN = Node(
    id="inside",
    kind=NodeKind.SERVER,
    side=Side.INSIDE,
    label=msg("Your server in China"),
    role=Role.INSIDE,
)
_HOME = Node(
    id="home",
    kind=NodeKind.PROXY,
    side=Side.INSIDE,
    label=msg("Your machine at home in China"),
    role=Role.HOME,
)


def _clients(start: Node, end: Node, name: NameSource = NameSource.PUBLIC_DNS) -> Link:
    return Link(start=start.id, end=end.id, kind=LinkKind.CLIENTS, name=name)


def _federation(inside_name: NameSource) -> Link:
    """The line between the two servers; ``inside_name``: how the outside one finds the inside."""
    return Link(
        start=_OUT.id,
        end=_IN.id,
        kind=LinkKind.FEDERATION,
        name=inside_name,
        both_ways=True,
        name_back=NameSource.PUBLIC_DNS,
    )


_DOMAIN = msg("A domain name that you control, and a spare one in case it gets blocked")
_OUTSIDE_SERVER = msg(
    "A server outside China (Debian 12 or newer, or Ubuntu 22.04 or newer) with a public address"
)
_INSIDE_SERVER = msg(
    "A server in a mainland cloud (Debian 12 or newer, or Ubuntu 22.04 or newer), rented under "
    "somebody's real name"
)

OPTIONS: dict[int, Option] = {
    1: Option(
        number=1,
        title=msg("One server outside China"),
        summary=msg("Everybody connects to one server outside, best in Hong Kong."),
        topology=Topology(
            nodes=(_PEOPLE_OUT, _OUT, _PEOPLE_IN),
            links=(_clients(_PEOPLE_OUT, _OUT), _clients(_PEOPLE_IN, _OUT)),
        ),
        stars=Stars(censorship=3, speed=1, ease=3),
        notes=(
            msg("It is slow for people in China, above all in the evening."),
            msg("Its name or its address can be blocked any day: keep a spare domain ready."),
        ),
        needs=(_DOMAIN, _OUTSIDE_SERVER),
    ),
    2: Option(
        number=2,
        title=msg("A licensed server in China, linked with one outside"),
        summary=msg(
            "People in China use a server there whose domain is on file (ICP 备案); people outside "
            "use one outside; the two servers exchange messages."
        ),
        topology=Topology(
            nodes=(_PEOPLE_OUT, _OUT, _IN, _PEOPLE_IN),
            links=(
                _clients(_PEOPLE_OUT, _OUT),
                _clients(_PEOPLE_IN, _IN),
                _federation(NameSource.PUBLIC_DNS),
            ),
        ),
        stars=Stars(censorship=1, speed=3, ease=3),
        notes=(
            msg("It is the fastest of the four for people in China."),
            msg(
                "The operator is fully identified, and the authorities can demand to know who "
                "wrote to whom and when. What was written stays encrypted."
            ),
            msg(
                "A filing in a private person's name does not clearly cover a messaging service. "
                "Give the true purpose in a filing, or choose another option."
            ),
        ),
        needs=(
            msg("A filed domain for the server in China, and a domain for the one outside"),
            _INSIDE_SERVER,
            _OUTSIDE_SERVER,
        ),
    ),
    3: Option(
        number=3,
        title=msg("A server in China that is in no public DNS"),
        summary=msg(
            "The address of the server in China is in no public directory (DNS): it is put on "
            "each device, on the router, or into a private resolver, and on the outside server."
        ),
        topology=Topology(
            nodes=(_PEOPLE_OUT, _OUT, _IN, _PEOPLE_IN),
            links=(
                _clients(_PEOPLE_OUT, _OUT),
                _clients(_PEOPLE_IN, _IN, NameSource.DEVICE_RECORD),
                _federation(NameSource.SERVER_RECORD),
            ),
        ),
        stars=Stars(censorship=2, speed=3, ease=1),
        notes=(
            msg("It is a service without a licence on a cloud that knows your real name."),
            msg(
                "The server's name can be seen on every connection, though it is in no public "
                "DNS. Cloud companies filter names that are not on file: it may fail on day one."
            ),
        ),
        needs=(
            msg("A domain name with nothing published for the server in China"),
            _INSIDE_SERVER,
            _OUTSIDE_SERVER,
            msg("Access to every device or router in China, now and when the address changes"),
        ),
        acknowledgement=msg("I accept the risks of option 3"),
        test_first=True,
    ),
    4: Option(
        number=4,
        title=msg("A home line in China in front of a cloud server"),
        summary=msg(
            "The public name points to a home broadband line in China. A small machine there "
            "passes connections on to a cloud server that has no name of its own."
        ),
        topology=Topology(
            nodes=(_PEOPLE_OUT, _OUT, _IN, _HOME, _PEOPLE_IN),
            links=(
                _clients(_PEOPLE_OUT, _OUT),
                _clients(_PEOPLE_IN, _HOME),
                Link(start=_HOME.id, end=_IN.id, kind=LinkKind.FORWARD, name=NameSource.ADDRESS),
                _federation(NameSource.SERVER_RECORD),
            ),
        ),
        stars=Stars(censorship=2, speed=2, ease=3),
        notes=(
            msg("It is a service without a licence on a cloud that knows your real name."),
            msg(
                "The server's name can be seen on the way from the home line to the cloud, which "
                "filters names that are not on file: it may fail on day one."
            ),
            msg(
                "It is against the terms of most internet providers in China. Home lines have "
                "been cut for it."
            ),
        ),
        needs=(
            msg("A domain name whose record can follow the home line's changing address"),
            msg("A home line in China that can be reached from outside on one high port"),
            msg("A small machine there that is always on (Debian 12 or newer)"),
            _INSIDE_SERVER,
            _OUTSIDE_SERVER,
        ),
        acknowledgement=msg("I accept the risks of option 4"),
        test_first=True,
    ),
}
"""The options by number."""

NOT_LEGAL_ADVICE = msg(
    "These notes are what others have met. They are not legal advice, and the rules change."
)
"""Stands below the notes of every option."""
