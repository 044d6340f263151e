"""The page for the people who will chat: what to install, how to log in, what to expect."""

from __future__ import annotations

from assistant.advice.options import OPTIONS
from assistant.export import device_steps
from assistant.export.markdown import Page
from assistant.export.server_notes import app_link, for_whom, spare_urls, visible
from assistant.plan.model import Plan
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Setup
from assistant.text import msg


def write(page: Page, setup: Setup, plan: Plan | None) -> None:
    """Write the whole page."""
    page.heading(msg("Our private messenger: {name}", name=setup.server_name), 1)
    page.paragraph(
        msg(
            "This is our own messenger. It works with ordinary apps; you need its address, your "
            "user name and your password."
        )
    )
    servers = homeservers(setup)
    if len(servers) > 1:
        _which(page, setup, servers)
    if plan is not None:
        device_steps.write(page, setup, plan.records)
    for server in servers:
        _address(page, setup, server, alone=len(servers) == 1)
    _apps(page, setup)
    _login(page, setup, servers)
    _trouble(page, setup)
    _privacy(page, setup, plan)


def _which(page: Page, setup: Setup, servers: tuple[Homeserver, ...]) -> None:
    page.heading(msg("Which server is yours?"))
    page.paragraph(
        msg(
            "There are two servers that exchange messages, so that everybody reaches everybody."
            " Each person has an account on one of them, the one on their side, and keeps it when"
            " travelling."
        )
    )
    for server in servers:
        page.item(
            msg(
                "{who}: {url}. Names there look like {user}.",
                who=page.plain(for_whom(setup, server)),
                url=server.base_url,
                user=f"@NAME:{server.server_name}",
            ),
            "url",
            "user",
        )


def _address(page: Page, setup: Setup, server: Homeserver, *, alone: bool) -> None:
    page.heading(
        msg("The address")
        if alone
        else msg("The address: {who}", who=page.plain(for_whom(setup, server)))
    )
    page.paragraph(msg("Where an app asks for the homeserver, type this:"))
    page.block(server.base_url)
    if server.port != 443:
        page.paragraph(
            msg(
                "The number behind the colon belongs to it: without :{port} the app finds nothing.",
                port=server.port,
            )
        )
    page.paragraph(
        msg(
            "On a phone with Element X installed, this link fills it in. It is a convenience that "
            "goes through a site of Element's; where it does not open, type the address above."
        )
    )
    page.block(app_link(server))
    spare = spare_urls(server)
    if spare:
        page.paragraph(
            msg(
                "Should this address ever stop working, these lead to the same server. Log in"
                " there in a second app or a browser, with the same name and password, before you"
                " touch the first one."
            )
        )
        page.block(*spare)


def _apps(page: Page, setup: Setup) -> None:
    page.heading(msg("The app"))
    page.item(msg("iPhone with an App Store account from outside mainland China: Element X."))
    page.item(
        msg(
            "iPhone with a mainland account: neither Element X nor FluffyChat is in that store. "
            "Use Element Web in the browser, or an App Store account of another region."
        )
    )
    page.item(msg("Android with Google: Element X or FluffyChat from the Play Store."))
    page.item(
        msg("Android without Google: Element X or FluffyChat from F-Droid or from their makers.")
    )
    page.item(msg("Computer: Element Web in the browser."))
    page.paragraph(
        msg(
            "Some apps suggest matrix.org at the start. Choose another server there and type our "
            "address: an account at matrix.org would not be on our server."
        )
    )
    page.paragraph(
        msg(
            "In China notifications may come late or not at all, because they travel through "
            "services abroad. Open the app now and then."
        )
    )


def _login(page: Page, setup: Setup, servers: tuple[Homeserver, ...]) -> None:
    page.heading(msg("Logging in"))
    page.item(msg("Log in with user name and password; there is no registration page."))
    page.item(
        msg(
            "The person who runs the service gives you both, best in person. Your full name there "
            "is {user}, with your own name in place of NAME.",
            user=" / ".join(f"@NAME:{server.server_name}" for server in servers),
        ),
        "user",
    )
    page.item(msg("Change the password after the first login, in the app's settings."))
    page.item(
        msg(
            "When the app offers a recovery key, write it on paper. Without it your old messages "
            "are lost with your phone, and nobody can bring them back."
        )
    )


def _trouble(page: Page, setup: Setup) -> None:
    page.heading(msg("When it stops working"))
    page.item(msg("Try another network: mobile data in place of Wi-Fi, or the other way round."))
    if setup.option == 4:
        page.item(
            msg(
                "The server in China is reached through a home line. When nobody in China can"
                " connect, that line is down: wait, nothing is lost, and what others write arrives"
                " afterwards."
            )
        )
    page.item(
        msg("Wait five minutes before you try again: a disturbance on the line often lasts three.")
    )
    page.item(
        msg(
            "Do not log out and do not remove the app: your messages can be lost, and it mends "
            "nothing."
        )
    )
    page.item(
        msg(
            "Tell the person who runs the service the time, the network (home, mobile, hotel), "
            "and what the app says, word for word."
        )
    )
    page.item(msg("Agree today on a second way to reach each other, should this one be gone."))


def _privacy(page: Page, setup: Setup, plan: Plan | None) -> None:
    page.heading(msg("How private is it?"))
    page.item(
        msg(
            "What you write in an encrypted conversation can be read on your devices only, not on "
            "the server, and not on the way. Element encrypts new private conversations by itself."
        )
    )
    for fact in visible(setup, plan):
        page.item(fact)
    page.item(msg("Whoever holds your unlocked phone reads everything. Use a good screen lock."))
    page.heading(msg("What to know about this way of running it"))
    for note in OPTIONS[setup.option].notes:
        page.item(note)
