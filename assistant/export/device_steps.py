"""How each kind of device is taught the names that are in no public DNS (option 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.export.device_files import (
    DeviceName,
    device_names,
    dnsmasq_lines,
    hosts_lines,
    openwrt_lines,
    public_below,
    resolver_url,
)
from assistant.export.markdown import Page
from assistant.plan.host_paths import DOT_PORT
from assistant.plan.model import Record
from assistant.setup.model import Setup
from assistant.text import Message, msg

WINDOWS_HOSTS = r"C:\Windows\System32\drivers\etc\hosts"


@dataclass(frozen=True)
class DeviceSteps:
    """One kind of device: what to do, in order, and which lines it needs."""

    kind: str
    title: Message
    steps: tuple[Message, ...]
    lines: tuple[str, ...] = ()


def device_steps(setup: Setup, records: Sequence[Record]) -> tuple[DeviceSteps, ...]:
    """Every kind of device, the ones that need least work first; empty without device records."""
    names = device_names(records)
    if not names:
        return ()
    return (*_routers(setup, names), *_computers(names), _apple(setup), *_android(setup, names))


def _routers(setup: Setup, names: Sequence[DeviceName]) -> tuple[DeviceSteps, ...]:
    public = public_below(setup, names)
    reach = msg("This teaches every device at home, phones on its Wi-Fi too, but not on the road.")
    own = msg(
        'Browsers and phones that ask a resolver of their own ("secure DNS", "private DNS") pass'
        " the router by: switch that off, or to automatic."
    )
    return (
        DeviceSteps(
            "openwrt",
            msg("A router with OpenWrt"),
            (reach, msg("Log in to it with ssh and type these commands, once."), own),
            openwrt_lines(names, public),
        ),
        DeviceSteps(
            "dnsmasq",
            msg("Another router or a small server with dnsmasq"),
            (
                reach,
                msg(
                    "Add these lines to its dnsmasq settings (often a field for additional"
                    " options), all of them, and restart it. The local lines keep questions about"
                    " our name from leaving your home."
                ),
                own,
            ),
            dnsmasq_lines(names, public),
        ),
    )


def _computers(names: Sequence[DeviceName]) -> tuple[DeviceSteps, ...]:
    lines = hosts_lines(names)
    return (
        DeviceSteps(
            "windows",
            msg("A computer with Windows"),
            (
                msg(
                    "Start the editor (Notepad) as administrator and open the file {path}.",
                    path=WINDOWS_HOSTS,
                ),
                msg("Add these lines at its end and save it, without a .txt at the end."),
            ),
            lines,
        ),
        DeviceSteps(
            "macos",
            msg("A Mac"),
            (
                msg("Open the terminal and type: {command}", command="sudo nano /etc/hosts"),
                msg("Add these lines at the end; save with Ctrl-O, leave with Ctrl-X."),
            ),
            lines,
        ),
        DeviceSteps(
            "linux",
            msg("A computer with Linux"),
            (msg("Add these lines at the end of {path}, as root.", path="/etc/hosts"),),
            lines,
        ),
    )


def _apple(setup: Setup) -> DeviceSteps:
    title = msg("iPhone and iPad (and Macs, in place of the lines)")
    if not setup.settings.private_resolver:
        return DeviceSteps(
            "ios",
            title,
            (
                msg(
                    "There is no hosts file on them. At home the router teaches them; on mobile"
                    " data they cannot find our server, unless its operator runs the private"
                    " resolver and gives you a profile."
                ),
            ),
        )
    return DeviceSteps(
        "ios",
        title,
        (
            msg("Take the profile from the operator, in person or by mail, and open it."),
            msg(
                "Install it in the settings, under General, VPN & Device Management. It says that"
                " it is not signed: it was made for us alone."
            ),
            msg(
                "Only questions for our names go to our resolver ({url}), everything else stays as"
                " it was. Removing the profile undoes it.",
                url=resolver_url(setup),
            ),
        ),
    )


def _android(setup: Setup, names: Sequence[DeviceName]) -> tuple[DeviceSteps, ...]:
    steps = [
        msg("At home the router teaches it: see above."),
        msg(
            "On mobile data it needs an app that works as a local VPN and takes lines of a hosts"
            " file for single names; all other names go the usual way. While such an app runs, no"
            " other VPN can."
        ),
    ]
    if setup.settings.private_resolver:
        steps.append(
            msg(
                "An app that sends single domains to a resolver over TLS can use ours: {name},"
                " port {port}.",
                name=setup.access_name,
                port=DOT_PORT,
            )
        )
    steps.append(
        msg(
            'Never put our resolver into the setting "Private DNS" of the phone: that holds for'
            " all names, ours answers for its own only, and the phone would find nothing else."
        )
    )
    return (
        DeviceSteps("android", msg("Android without root"), tuple(steps), hosts_lines(names)),
        DeviceSteps(
            "android-root",
            msg("Android with root"),
            (msg("Add these lines at the end of {path}.", path="/system/etc/hosts"),),
            hosts_lines(names),
        ),
    )


def write(page: Page, setup: Setup, records: Sequence[Record]) -> None:
    """Write the instructions; nothing when no device needs a record."""
    kinds = device_steps(setup, records)
    if not kinds:
        return
    page.heading(msg("First, in China: teach your device the address"))
    page.paragraph(
        msg(
            "The address is in no public directory, so your device or your router must be told,"
            " once, and again when the server moves. Find your kind below; the person who runs the"
            " service helps you. People outside China need none of this."
        )
    )
    for kind in kinds:
        page.heading(kind.title, 3)
        for step in kind.steps:
            page.item(step, *(name for name in ("path", "command", "url") if name in step.values))
        if kind.lines:
            page.block(*kind.lines)
    page.paragraph(
        msg(
            "To see whether it worked, open {url} in a browser.", url=f"https://{setup.access_name}"
        ),
        "url",
    )


def as_json(setup: Setup, records: Sequence[Record]) -> dict[str, list[str]]:
    """The lines for programs, by kind of device."""
    return {kind.kind: list(kind.lines) for kind in device_steps(setup, records) if kind.lines}
