"""The small forms of the page "Change something": names, addresses, port, links, workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from assistant.change.changes import (
    Change,
    add_spare_name,
    change_access_name,
    change_address,
    change_port,
    remove_spare_name,
    set_link,
    set_workers,
)
from assistant.change.possible import PossibleChange
from assistant.common.validators import clean_port
from assistant.setup.model import Host, LinkWay, Setup
from assistant.text import Message, listed, msg
from screens.base.form import Form
from screens.servers.option_lines import PORT_LINE, link_choices
from screens.servers.server_lines import name_line, server_lines
from screens.widgets.field import Field
from screens.widgets.stepper import Choice, Row, Stepper

MOST_WORKERS = 8


@dataclass(frozen=True)
class Chosen:
    """A change that was chosen: what it is in a few words, and as the history calls it.

    ``typed`` is what stood in the form, by line, so that it can be shown once more.
    """

    change: Change
    says: Message
    detail: str
    typed: Mapping[str, str] = field(default_factory=dict)


class ChangeForm(Form[Chosen]):
    """Base of the forms with lines to fill in. Subclasses give ``change()`` and ``detail()``."""

    def __init__(self, setup: Setup, kind: PossibleChange, typed: Mapping[str, str]) -> None:
        super().__init__()
        self.setup, self.kind, self._first = setup, kind, typed
        self.title_text = kind.title

    def first(self, line: str, present: str) -> str:
        """What stands in a line at first: what was typed before, else the present value."""
        return self._first.get(line, present)

    def value(self, line: str) -> str:
        """What stands in a line now."""
        return self.typed[line]

    @property
    def typed(self) -> dict[str, str]:
        """What stands in all lines now."""
        return {row.id or "": row.value.strip() for row in self.rows}

    def change(self) -> Change:
        """The change, as the lines stand now; raises when it cannot be."""
        raise NotImplementedError

    def says(self) -> Message:
        """What it is changed to, in a few words."""
        return msg("{text}", text=next(iter(self.typed.values()), ""))

    def detail(self) -> str:
        """The change as the history calls it: as the command line does."""
        return " ".join((self.kind.id, *([self.kind.about] if self.kind.about else ()),
                         *self.typed.values()))  # fmt: skip

    def result(self) -> Chosen:
        """What was chosen."""
        says = msg("{what}: {value}", what=self.kind.title, value=self.says())
        return Chosen(self.change(), says, self.detail(), self.typed)


class NameForm(ChangeForm):
    """One more name for the main server."""

    intro = msg(
        "A spare name leads to the same server and the same accounts. Best take one of another"
        " domain: when a filter blocks the first, people only change the address in their app."
    )

    def lines(self) -> Iterable[Row]:
        """The name."""
        line = replace(
            name_line(self.setup.option),
            label=msg("Spare name"),
            example="chat.example.net",
            hint=msg("A domain of yours, or a name below it."),
            needed=msg("A name is needed, like chat.example.net."),
        )
        yield Field(line, self.first("name", ""), id="name")

    def change(self) -> Change:
        """The setup with the name."""
        return add_spare_name(self.setup, self.value("name"))


class DropNameForm(ChangeForm):
    """Give a spare name up."""

    intro = msg(
        "Whoever is connected to that name has to log in again at another one, so ask around"
        " first. All accounts and the other names stay."
    )

    def lines(self) -> Iterable[Row]:
        """Which of the spare names."""
        says = msg("The server answers to it no more, once this is applied.")
        choices = [Choice(name, msg("{name}", name=name), says) for name in self.setup.spare_names]
        value = self.first("name", self.setup.spare_names[0])
        yield Stepper(msg("Spare name"), choices, value, where=says, id="name")

    def change(self) -> Change:
        """The setup without the name."""
        return remove_spare_name(self.setup, self.value("name"))


class AccessNameForm(ChangeForm):
    """Another name that people connect to."""

    def __init__(self, setup: Setup, kind: PossibleChange, typed: Mapping[str, str]) -> None:
        super().__init__(setup, kind, typed)
        self.intro = msg(
            "This is the address that people type into their app. Their ids stay: they end in"
            " {name} for ever. The present name goes on answering as a spare one.",
            name=setup.server_name,
        )

    def lines(self) -> Iterable[Row]:
        """The name, and which spare ones there are."""
        spares = self.setup.spare_names
        line = replace(
            name_line(self.setup.option),
            label=msg("Name"),
            example="chat.example.net",
            hint=msg("Your spare names: {names}", names=", ".join(spares))
            if spares
            else msg("A domain of yours, or a name below it."),
            needed=msg("A name is needed, like chat.example.net."),
        )
        yield Field(line, self.first("name", self.setup.access_name), id="name")

    def change(self) -> Change:
        """The setup with the name."""
        return change_access_name(self.setup, self.value("name"))


class AddressForm(ChangeForm):
    """Other addresses of one server."""

    intro = msg(
        "Change what is another one now, and leave the rest. With another SSH address, the server"
        " is tried and its key shown once more."
    )

    @property
    def _host(self) -> Host:
        return next(host for host in self.setup.hosts if host.name == self.kind.about)

    @property
    def _present(self) -> dict[str, str]:
        host = self._host
        return {
            "address": host.login.address,
            "public_ipv4": host.public_ipv4,
            "public_ipv6": host.public_ipv6,
        }

    def lines(self) -> Iterable[Row]:
        """Where SSH connects to, and where the world finds it."""
        known = {line.id: line for line in server_lines(self._host.role)}
        login = replace(
            known["address"],
            label=msg("SSH address"),
            hint=msg("Where this program logs in: an IP address or a name."),
            needed=msg("An SSH address is needed, to log in to the server."),
        )
        for line in (login, known["public_ipv4"], known["public_ipv6"]):
            yield Field(line, self.first(line.id, self._present[line.id]), id=line.id)

    def _changed(self) -> dict[str, str]:
        present = self._present
        return {name: text for name, text in self.typed.items() if text != present[name]}

    def change(self) -> Change:
        """The setup with the addresses that are others now."""
        changed = self._changed()
        return change_address(
            self.setup,
            self.kind.about,
            ipv4=changed.get("public_ipv4"),
            ipv6=changed.get("public_ipv6"),
            login_address=changed.get("address"),
        )

    def says(self) -> Message:
        """The addresses that are others now."""
        return listed(text or msg("none") for text in self._changed().values())

    def detail(self) -> str:
        """The server; the history names no more on the command line, either."""
        return f"address {self.kind.about}"


class PortForm(ChangeForm):
    """Another high port of the home line."""

    intro = msg(
        "The port is part of the address that people's apps use, so everybody has to be told the"
        " new one, and the rule in the router at home changes with it."
    )

    def lines(self) -> Iterable[Row]:
        """The port."""
        yield Field(PORT_LINE, self.first("port", str(self.setup.access_port)), id="port")

    def change(self) -> Change:
        """The setup with the port."""
        return change_port(self.setup, clean_port(self.value("port")))


class LinkForm(ChangeForm):
    """Whether a link to the server in China is wrapped."""

    intro = msg(
        "Wrapped, connections between your servers go inside a second encryption that shows no"
        " name. Choose it when the checks find that a name is cut on the way; direct is quicker."
    )

    def lines(self) -> Iterable[Row]:
        """The way."""
        present = getattr(self.setup.settings, f"{self.kind.about}_link")
        value = self.first("way", present)
        yield Stepper(msg("This link"), link_choices(), value, where=self.intro, id="way")

    def change(self) -> Change:
        """The setup with the link as it was chosen."""
        way: LinkWay = "wrapped" if self.value("way") == "wrapped" else "direct"
        return set_link(self.setup, "home" if self.kind.about == "home" else "outside", way)

    def says(self) -> Message:
        """The way, in words."""
        return next(one.title for one in link_choices() if one.value == self.value("way"))


class WorkersForm(ChangeForm):
    """How many worker processes the main Matrix server has."""

    intro = msg(
        "Workers share the work of a Matrix server among several processors. They only help a"
        " server that has processors and memory to spare; on a small one, all gets slower."
    )

    def lines(self) -> Iterable[Row]:
        """How many."""
        value = self.first("workers", str(self.setup.settings.workers))
        yield Stepper(msg("Workers"), _worker_choices(), value, where=self.intro, id="workers")

    def change(self) -> Change:
        """The setup with so many."""
        return set_workers(self.setup, int(self.value("workers")))


def _worker_choices() -> tuple[Choice, ...]:
    return (
        Choice("0", msg("none"), msg("One process does everything. Right for most families.")),
        *(
            Choice(
                str(count),
                msg("{count}", count=count),
                msg("About {memory} MB of memory more.", memory=150 * count + 50),
            )
            for count in range(1, MOST_WORKERS + 1)
        ),
    )
