"""Starting the screen, and the practice internet around a second one."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assistant.text import Message, language_of_locale, msg, render
from assistant.text.language import VARIABLE as LANGUAGE_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.plan import Record
    from assistant.rehearsal.build.prepare import Prepared
    from assistant.rehearsal.lab import Lab, LabHost
    from assistant.wizard.draft import Draft
    from screens.app import AssistantApp

INSIDE = "--practice-inside"
"""The hidden option of the program within the practice internet."""

RELEASE = "trixie"


def start() -> int:
    """The start page and everything behind it, until the person quits; returns the exit code."""
    # Starting makes many objects and drops none: looking for garbage meanwhile took a tenth of the
    # time to the first picture. The app looks again once that is out.
    gc.disable()
    from screens.app import PRACTISE, THEME_VARIABLE, AssistantApp, first_theme
    from screens.services.real_services import RealServices

    language = language_of_locale()
    greeting: Message | None = None
    # The app's style sheets are read with a theme, so that it must be known before the app.
    os.environ[THEME_VARIABLE] = first_theme(os.environ, RealServices().kept_theme())
    while True:
        app = AssistantApp(RealServices(), language, greeting=greeting)
        wish = app.run()
        language = app.language
        os.environ[THEME_VARIABLE] = app.theme
        if wish != PRACTISE:
            return app.return_code or 0
        greeting = _practise(language, _same_look(app))


def _same_look(app: AssistantApp) -> Mapping[str, str]:
    """The environment in which another app looks like this one."""
    from screens.app import THEME_VARIABLE

    return {LANGUAGE_VARIABLE: app.language, THEME_VARIABLE: app.theme}


def _practise(language: str, env: Mapping[str, str]) -> Message | None:
    """Build the practice internet with words on the plain terminal, and run the screen in it.

    Returns what to say about it on the start page.
    """
    from assistant.common.errors import AssistantError
    from assistant.rehearsal.make_ready import make_ready
    from assistant.rehearsal.processes.contain import run_contained

    def tell(message: Message) -> None:
        width = min(shutil.get_terminal_size().columns, 79)
        print(textwrap.fill(render(message, language), width, break_long_words=False), flush=True)

    tell(
        msg(
            "Getting ready to practise: a small internet with a server of its own, inside this"
            " computer. The first time, Debian and Matrix are fetched for it, which takes some"
            " minutes; later it takes seconds. Ctrl-C goes back."
        )
    )
    try:
        make_ready((RELEASE,))
        code = run_contained([sys.executable, "-m", "assistant", INSIDE], env)
    except KeyboardInterrupt:
        return msg("The practice was left.")
    except AssistantError as error:
        tell(msg("It is not possible to practise now: {why}", why=error.message))
        _wait(language)
        return None
    if code:
        tell(
            msg("The practice ended because something went wrong in it; what it was stands above.")
        )
        _wait(language)
        return None
    return msg(
        "The practice is over. Nothing of it stays on this computer but what was downloaded."
    )


def _wait(language: str) -> None:
    """Leave the words above on the terminal until they have been read."""
    try:
        input(render(msg("Press Enter to go back to the start page. "), language))
    except (EOFError, KeyboardInterrupt):
        print()


def inside() -> int:
    """Within the containment: a lab with one server, and the screen in front of it."""
    from assistant.common.errors import AssistantError
    from assistant.rehearsal.make_ready import make_ready
    from assistant.rehearsal.processes.contain import work_folder

    try:
        # The caches are full by now, so this only looks up where everything is.
        return asyncio.run(_inside(make_ready((RELEASE,)), work_folder()))
    except AssistantError as error:
        print(render(error.message, language_of_locale()), flush=True)
        return 1


async def _inside(prepared: Prepared, folder: Path) -> int:
    from assistant.rehearsal.lab import Lab
    from assistant.rehearsal.practice_setup import practice_setup
    from assistant.wizard.draft import save_draft
    from screens.app import AssistantApp
    from screens.services.real_services import RealServices

    def tell(message: Message, language: str) -> None:
        print(render(message, language), flush=True)

    tell(msg("Starting it …"), language_of_locale())
    # What the lab itself tells is for developers, and would be printed through the screen.
    async with await Lab.start(prepared, workdir=folder, report=lambda line: None) as lab:
        outside = await lab.boot("outside", release=RELEASE)
        settings = practice_setup(1, RELEASE, lab.facts, {"outside": outside}).settings
        data = folder / "practice"
        save_draft(practice_draft(lab, outside), data)
        services = RealServices(
            data, settings=settings, registrar=lambda records: _set_records(lab, records)
        )
        app = AssistantApp(services, os.environ.get(LANGUAGE_VARIABLE) or None)
        await app.run_async()
        tell(msg("Taking the practice server away …"), app.language)
        return app.return_code or 0


def practice_draft(lab: Lab, outside: LabHost) -> Draft:
    """What the person would have to know, filled in: a made-up family, its name, its server."""
    from assistant.rehearsal.practice_setup import SERVER_LABEL, practice_answers
    from assistant.wizard.draft import Draft, TypedHost, TypedLogin

    login = TypedLogin(
        address=outside.ipv4,
        port=str(outside.ssh_port),
        user="root",
        key_file=str(lab.facts.operator_key),
    )
    return Draft(
        answers=practice_answers(1),
        server_name=f"{SERVER_LABEL}.{lab.facts.zone}",
        hosts={
            "outside": TypedHost(login=login, public_ipv4=outside.ipv4, public_ipv6=outside.ipv6)
        },
        practice=True,
    )


async def _set_records(lab: Lab, records: tuple[Record, ...]) -> None:
    """What a registrar does with the records of a plan."""
    for record in records:
        if record.must == "exist":
            await lab.dns_set(record.name, record.type, record.values)
        else:
            await lab.dns_delete(record.name, record.type)
