"""The page for the people who will chat: what to install, how to log in, what to expect."""

from __future__ import annotations

from assistant.export.facts import app_link, homeserver_url
from assistant.export.markdown import Page
from assistant.options import OPTIONS
from assistant.plan.model import Plan
from assistant.setup import Setup
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
    _address(page, setup)
    _device_records(page, plan)
    _apps(page, setup)
    _login(page, setup)
    _trouble(page)
    _privacy(page, setup)


def _address(page: Page, setup: Setup) -> None:
    page.heading(msg("The address"))
    page.paragraph(msg("Where an app asks for the homeserver, type this:"))
    page.block(homeserver_url(setup))
    page.paragraph(
        msg(
            "On a phone with Element X installed, this link fills it in. It is a convenience that "
            "goes through a site of Element's; where it does not open, type the address above."
        )
    )
    page.block(app_link(setup))


def _device_records(page: Page, plan: Plan | None) -> None:
    records = [
        record
        for record in (plan.records if plan else ())
        if record.where == "device" and record.must == "exist"
    ]
    if records:
        page.heading(msg("First: teach your device the address"))
        page.paragraph(
            msg(
                "The address is in no public directory, so your device or your router needs this "
                "record. The person who runs the service helps you with it."
            )
        )
        page.block(*(line for record in records for line in record.line.split("\n")))


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


def _login(page: Page, setup: Setup) -> None:
    page.heading(msg("Logging in"))
    page.item(msg("Log in with user name and password; there is no registration page."))
    page.item(
        msg(
            "The person who runs the service gives you both, best in person. Your full name there "
            "is {user}, with your own name in place of NAME.",
            user=f"@NAME:{setup.server_name}",
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


def _trouble(page: Page) -> None:
    page.heading(msg("When it stops working"))
    page.item(msg("Try another network: mobile data in place of Wi-Fi, or the other way round."))
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


def _privacy(page: Page, setup: Setup) -> None:
    page.heading(msg("How private is it?"))
    page.item(
        msg(
            "What you write in an encrypted conversation can be read on your devices only, not on "
            "the server, and not on the way. Element encrypts new private conversations by itself."
        )
    )
    page.item(
        msg(
            "The server, and so whoever runs it or takes it, sees who writes to whom and when, the "
            "names of conversations, and from which internet address you connect."
        )
    )
    page.item(
        msg(
            "Your internet provider sees that you connect to {name}, and when, but not what you "
            "write.",
            name=setup.access_name,
        ),
        "name",
    )
    page.item(msg("Whoever holds your unlocked phone reads everything. Use a good screen lock."))
    page.heading(msg("What to know about this way of running it"))
    for note in OPTIONS[setup.option].notes:
        page.item(note)
