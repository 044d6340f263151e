"""The parts that ask for what only some options need: port, DNS, links, devices, filing."""

from __future__ import annotations

from textual.app import ComposeResult

from assistant.text import Message, listed, msg
from assistant.wizard.draft import Draft
from screens.servers.option_lines import (
    DEVICES_WHERE,
    DNS_NEEDED,
    DNS_WHERE,
    LINKS_WHERE,
    PORT_LINE,
    all_provider_lines,
    filing_lines,
    link_choices,
    provider_choices,
    provider_lines,
    resolver_choices,
    router_rule,
)
from screens.servers.providers import company
from screens.servers.server_entry import is_done
from screens.servers.server_parts import Part
from screens.widgets.field import Field
from screens.widgets.stepper import Stepper
from screens.widgets.words import Words


class TopicPart(Part):
    """A part with choices that are taken with Enter. Subclasses give heading and ``chosen()``."""

    DEFAULT_CSS = """
    TopicPart .note { height: auto; margin: 1 0 0 0; color: $text-muted; }
    """
    take: Message
    """What the button says."""

    def chosen(self, draft: Draft) -> Message:
        """What was chosen, in a few words."""
        raise NotImplementedError

    def summary(self, draft: Draft) -> Message | None:
        """What was chosen, once it was taken."""
        if not is_done(draft, self.key) or self.has_class("-open"):
            return None
        return self.chosen(draft)

    def show(self, draft: Draft, *, is_open: bool) -> None:
        """The heading, with what stands in the draft now."""
        self._draft = draft
        super().show(draft, is_open=is_open)


class PortPart(TopicPart):
    """The high port of the line at home, and the rule for the router."""

    take = msg("Use this port")

    def __init__(self, draft: Draft) -> None:
        super().__init__("port", draft, msg("The port of your line at home"))

    def inside(self) -> ComposeResult:
        """The port, and what to enter in the router."""
        yield Field(PORT_LINE, self._draft.access_port, id="port")
        yield Words(classes="note")

    def chosen(self, draft: Draft) -> Message:
        """The port."""
        return msg("{port}", port=draft.access_port.strip())

    def show(self, draft: Draft, *, is_open: bool) -> None:
        """The rule follows port and address."""
        super().show(draft, is_open=is_open)
        self.query_one(".note", Words).message = router_rule(draft)


class DnsPart(TopicPart):
    """The company that changes the DNS records. The key is not asked for here."""

    take = msg("Use this company")

    def __init__(self, draft: Draft, *, practice: bool) -> None:
        super().__init__("dns", draft, msg("The company that looks after your DNS"))
        self._practice = practice

    def inside(self) -> ComposeResult:
        """The company, and what it needs besides the key."""
        provider = self._draft.provider
        yield Stepper(
            msg("Company"),
            provider_choices(provider.name, self._draft.option or 1, practice=self._practice),
            provider.name,
            where=DNS_WHERE,
            needed=None if self._practice else DNS_NEEDED,
            id="dns-name",
        )
        for line in all_provider_lines():
            yield Field(line, getattr(provider, line.id), id=f"dns-{line.id}")
        yield Words(
            msg("The secret key is asked for when the servers are set up, and not kept here."),
            classes="note",
        )

    def show(self, draft: Draft, *, is_open: bool) -> None:
        """Only the lines that the chosen company needs."""
        wanted = {line.id: line for line in provider_lines(self.query_one(Stepper).value)}
        for field in self.query(Field):
            line = wanted.get(field.line.id)
            field.display = line is not None
            if line is not None:
                field.query_one(".label", Words).message = line.label
        super().show(draft, is_open=is_open)

    def chosen(self, draft: Draft) -> Message:
        """The company."""
        name = draft.provider.name.strip()
        known = company(name)
        if known is not None:
            return known.title
        return msg("{name}", name=name) if name else msg("the practice company")


class LinksPart(TopicPart):
    """Whether the links between servers are wrapped."""

    take = msg("Connect them like this")

    def __init__(self, draft: Draft) -> None:
        super().__init__("links", draft, msg("How your servers connect"))

    def inside(self) -> ComposeResult:
        """One choice for each link."""
        draft = self._draft
        links = [("outside_link", msg("From outside"), draft.outside_link)]
        if draft.option == 4:
            links.append(("home_link", msg("From home"), draft.home_link))
        for name, label, value in links:
            yield Stepper(label, link_choices(), value, where=LINKS_WHERE, id=f"links-{name}")

    def chosen(self, draft: Draft) -> Message:
        """The way of each link."""
        titles = {choice.value: choice.title for choice in link_choices()}
        parts = [msg("from outside {way}", way=titles[draft.outside_link])]
        if draft.option == 4:
            parts.append(msg("from home {way}", way=titles[draft.home_link]))
        return listed(parts)


class DevicesPart(TopicPart):
    """How devices learn where the server in China is."""

    take = msg("Do it like this")

    def __init__(self, draft: Draft) -> None:
        super().__init__("devices", draft, msg("How devices find the server in China"))

    def inside(self) -> ComposeResult:
        """The choice, and what all of it means."""
        yield Stepper(
            msg("Where it is put"),
            resolver_choices(),
            "yes" if self._draft.private_resolver else "no",
            where=DEVICES_WHERE,
            id="devices-private_resolver",
        )
        yield Words(
            msg(
                "Its name is in no public DNS, so every device must be told its address. You are"
                " given lines and files for each kind of device at the end."
            ),
            classes="note",
        )

    def chosen(self, draft: Draft) -> Message:
        """With or without a resolver."""
        no, yes = resolver_choices()
        return yes.title if draft.private_resolver else no.title


class FilingPart(TopicPart):
    """The numbers of the filings, for the visitors' page."""

    take = msg("Go on with these numbers")

    def __init__(self, draft: Draft) -> None:
        super().__init__("filing", draft, msg("The numbers of your filing"))

    def inside(self) -> ComposeResult:
        """Both numbers."""
        for line in filing_lines():
            yield Field(line, getattr(self._draft, line.id), id=line.id)

    def chosen(self, draft: Draft) -> Message:
        """The numbers that are there."""
        numbers = [text.strip() for text in (draft.filing, draft.security_filing) if text.strip()]
        return listed(numbers) if numbers else msg("none yet")


def topic_part(draft: Draft, key: str, *, practice: bool) -> TopicPart:
    """The part for one of ``assistant.wizard.draft.TOPICS``."""
    if key == "dns":
        return DnsPart(draft, practice=practice)
    made: dict[str, type[PortPart | LinksPart | DevicesPart | FilingPart]] = {
        "port": PortPart,
        "links": LinksPart,
        "devices": DevicesPart,
        "filing": FilingPart,
    }
    return made[key](draft)
