"""What each server is for, how the servers reach each other, and who sees what: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from assistant.onhost.resources import Certificate
from assistant.plan.model import Plan
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Role, Setup
from assistant.text import Message, msg


def for_whom(setup: Setup, server: Homeserver) -> Message:
    """Who has an account on a server."""
    if setup.option == 1:
        return msg("Everybody")
    return msg("People in China") if server.main else msg("People outside China")


def app_link(server: Homeserver) -> str:
    """A link that opens Element X with the homeserver filled in, where the app is installed.

    It goes through a site of Element's, so it is a convenience: the plain address always works.
    """
    port = "" if server.port == 443 else f":{server.port}"
    provider = quote(f"{server.access_name}{port}", safe="")
    return f"https://mobile.element.io/element/?account_provider={provider}"


def spare_urls(server: Homeserver) -> tuple[str, ...]:
    """Other addresses of the same service, with the port; empty when it has none."""
    port = "" if server.port == 443 else f":{server.port}"
    return tuple(f"https://{name}{port}" for name in server.names if name != server.access_name)


@dataclass(frozen=True)
class LinkFact:
    """How one machine reaches another; ``start`` and ``end`` are names of hosts."""

    what: Literal["home", "outside"]
    start: str
    end: str
    way: Literal["direct", "wrapped"]
    text: Message


def links(setup: Setup) -> tuple[LinkFact, ...]:
    """The links between the setup's own machines; none in option 1."""
    if setup.option == 1:
        return ()
    inside = setup.host(Role.INSIDE)
    pairs = [("outside", setup.host(Role.OUTSIDE), setup.settings.outside_link)]
    if setup.option == 4:
        pairs.insert(0, ("home", setup.host(Role.HOME), setup.settings.home_link))
    return tuple(
        LinkFact(
            what,  # type: ignore[arg-type]  # one of the two above
            start.name,
            inside.name,
            way,
            _link_text(start.name, inside.name, wrapped=way == "wrapped"),
        )
        for what, start, way in pairs
    )


def _link_text(start: str, end: str, *, wrapped: bool) -> Message:
    if wrapped:
        return msg(
            "{start} reaches {end} through a connection wrapped in TLS of this setup's own: on the"
            " way there is no name to be read.",
            start=start,
            end=end,
        )
    return msg(
        "{start} reaches {end} directly: the name of the server can be read on the way.",
        start=start,
        end=end,
    )


def visible(setup: Setup, plan: Plan | None) -> tuple[Message, ...]:
    """Who can see what, without palliation; what is written stays encrypted in all of it."""
    return tuple(_visible(setup, plan))


def _visible(setup: Setup, plan: Plan | None) -> Iterator[Message]:
    servers = homeservers(setup)
    yield msg(
        "Whoever runs or takes a server sees who on it writes to whom and when, the names of"
        " conversations, and from which internet address people connect."
    )
    if len(servers) > 1:
        yield msg(
            "A conversation with people on both servers is known to both: who takes part and when."
        )
    for server in servers:
        if server.private:
            yield msg(
                "{name} is in no public directory, yet it can be read on every connection to it:"
                " by internet providers and by the company whose server it is.",
                name=server.access_name,
            )
        else:
            yield msg(
                "Internet providers on the way see that somebody connects to {name}, and when.",
                name=server.access_name,
            )
    if setup.option == 4:
        yield msg(
            "Everybody who looks {name} up learns the address of the home line, and its provider"
            " sees how many connect to it and from where.",
            name=setup.access_name,
        )
    if setup.option == 3 and setup.settings.private_resolver:
        yield msg(
            "The private resolver sees which devices ask for our names; it is on our server in"
            " China and answers for nothing else."
        )
    for link in links(setup):
        yield link.text
    if len(servers) > 1:
        yield msg(
            "The server in China finds the one outside by its public name, {name}, which can be"
            " read at the border whatever the links are.",
            name=setup.outside_name,
        )
    if plan is not None and (listed := certificate_names(plan)):
        yield msg(
            "Certificates are listed publicly, for ever, with these names: {names}.",
            names=", ".join(listed),
        )


def certificate_names(plan: Plan) -> tuple[str, ...]:
    """The names in the plan's public certificates, which transparency logs keep."""
    found: Iterable[str] = (
        name
        for host in plan.hosts
        for resource in host.resources
        if isinstance(resource, Certificate)
        for name in resource.domains
    )
    return tuple(dict.fromkeys(found))


def home_line_down(setup: Setup) -> tuple[Message, ...]:
    """For the operator of option 4: what to do when the home line does not answer."""
    if setup.option != 4:
        return ()
    home = setup.host(Role.HOME).name
    return (
        msg(
            "Nothing is lost: accounts and messages are on the cloud server. People in China"
            " cannot connect until the line is back; what others write meanwhile waits for them."
        ),
        msg("Is the machine {host} on, and does the router have the internet?", host=home),
        msg(
            "After a redial the line has another address. The record follows within two minutes;"
            " at once: sudo systemctl start matrix-assistant-dyndns.service on {host}.",
            host=home,
        ),
        msg(
            "Does the rule still stand in the router, and for this machine's address? Routers"
            " forget it after updates."
        ),
        msg(
            "Find out more with matrix-assistant check --setup {setup}. If the provider closed the"
            " port, choose another: matrix-assistant change --setup {setup} port 28443.",
            setup=setup.name,
        ),
        msg(
            "If the line is gone for good, devices can be taught the address instead:"
            " matrix-assistant change --setup {setup} option 3.",
            setup=setup.name,
        ),
    )
