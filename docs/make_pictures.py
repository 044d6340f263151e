"""Draw the pictures of the documentation from the program: ``python docs/make_pictures.py``.

Every page is shown with made-up services (``tests/support/screens_stand_in.py``) at 80×24, in both
languages, and kept as ``docs/pictures/NAME.LANGUAGE.svg``. The same program draws the same
pictures: no time passes, nothing blinks, and generated ids are replaced. ``--check`` draws
them again and says which are not current; names as arguments draw only those.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from assistant.export import summary_markdown  # noqa: E402
from assistant.plan.compile import compile_plan  # noqa: E402
from assistant.setup.model import Setup  # noqa: E402
from assistant.setup.updates import with_findings  # noqa: E402
from assistant.wizard.draft import Draft  # noqa: E402 - the line above lets it be found
from assistant.wizard.steps import Step  # noqa: E402
from screens.app import LANGUAGES, AssistantApp  # noqa: E402
from tests.support import screens_runs as runs  # noqa: E402
from tests.support import screens_stand_in as made_up  # noqa: E402
from tests.support import screens_values as values  # noqa: E402

PICTURES = Path(__file__).parent / "pictures"
SIZE = (80, 24)
THEME = "ansi-dark"
_STILL = 0.2
"""Seconds without a change after which a page has settled."""

Steps = Callable[[Any, made_up.StandInServices], Awaitable[None]]


async def _nothing(pilot: Any, services: made_up.StandInServices) -> None:
    """The page as it opens."""


@dataclass(frozen=True)
class Picture:
    """A page and how to get there. ``page`` is its module; ``start`` None is the start page."""

    name: str
    page: str
    start: Draft | None
    services: Mapping[str, Any] = field(default_factory=dict)
    steps: Steps = _nothing

    @property
    def exists(self) -> bool:
        """Whether the program has this page."""
        return find_spec(f"screens.{self.page}") is not None


def _keys(*keys: str) -> Steps:
    async def press(pilot: Any, services: made_up.StandInServices) -> None:
        await _settled(pilot)
        for key in keys:
            await pilot.press(key)
            await _settled(pilot)

    return press


async def _half_applied(pilot: Any, services: made_up.StandInServices) -> None:
    """An apply that is under way."""
    services.hold("apply", after=16)
    await _settled(pilot)


def _summary(name: str, audience: Any, language: str) -> str:
    setup = values.applied_setup()
    return summary_markdown(
        setup,
        plan=compile_plan(setup),
        findings=values.GOOD_FINDINGS,
        canary=runs.CANARY_RESULT,
        audience=audience,
        language=language,
    )


def _known(**more: Any) -> dict[str, Any]:
    return {"setups": {values.SETUP_NAME: values.setup()}, **more}


def _some_days_old() -> dict[str, Setup]:
    """A setup that is as old on every day that the pictures are drawn."""
    then = datetime.now(UTC) - timedelta(days=2, hours=1)
    setup = with_findings(values.applied_setup(), values.GOOD_FINDINGS, then)
    history = tuple(entry.model_copy(update={"at": then}) for entry in setup.history)
    return {values.SETUP_NAME: setup.model_copy(update={"history": history})}


async def _diagnosed(pilot: Any, services: made_up.StandInServices) -> None:
    """The place to come back to."""
    pilot.app.diagnose(values.SETUP_NAME)
    await _settled(pilot)


_CHECKED = {"setups": {values.SETUP_NAME: values.checked_setup(values.GOOD_FINDINGS)}}
_APPLIED = {"setups": _some_days_old}
_PROVING = _known(events={"check": values.GOOD_FINDINGS}, results={"export": _summary})

TABLE: tuple[Picture, ...] = (
    Picture("start", "start_page", None, {}),
    Picture("start-again", "start_page", None, _APPLIED),
    Picture("questions", "advice.questions", Draft(step=Step.QUESTIONS)),
    Picture("advice", "advice.advice", values.draft(Step.ADVICE)),
    Picture("servers", "servers.servers", values.draft(Step.SERVERS)),
    Picture("checks", "checks.checks", values.draft(Step.CHECKS), _known()),
    Picture("review", "apply.review", values.draft(Step.REVIEW), _CHECKED),
    Picture("apply", "apply.apply", values.draft(Step.APPLY), _CHECKED, _half_applied),
    Picture("proof", "finish.finish", values.draft(Step.FINISH), _PROVING),
    Picture("people", "finish.finish", values.draft(Step.FINISH), _PROVING,
            _keys("enter", "i", *"anna", "enter")),
    Picture("summary", "finish.finish", values.draft(Step.FINISH), _PROVING, _keys("3")),
    Picture("diagnosis", "checks.diagnosis", None, _APPLIED, _diagnosed),
)  # fmt: skip


@contextmanager
def _standing_still() -> Iterator[None]:
    """No time passes in the modules of the screens; for asyncio and Textual it does."""
    kept: list[tuple[Any, str, Any]] = []

    def put(module: Any, name: str, value: object) -> None:
        kept.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    clock = SimpleNamespace(monotonic=lambda: 1000.0)
    for name, module in sorted(sys.modules.items()):
        ours = name == "screens" or name.startswith("screens.")
        if ours and getattr(module, "time", None) is time:
            put(module, "time", clock)
    zone = os.environ.get("TZ")
    _set_zone("UTC")
    try:
        yield
    finally:
        _set_zone(zone)
        for module, name, value in kept:
            setattr(module, name, value)


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    if hasattr(time, "tzset"):
        time.tzset()


async def _settled(pilot: Any) -> None:
    """Wait until the screen stays as it is."""
    seen, since, begun = "", time.monotonic(), time.monotonic()
    while time.monotonic() - since < _STILL:
        if time.monotonic() - begun > 10:
            raise RuntimeError(f"this page never stands still:\n{seen}")
        await pilot.pause()
        text = made_up.screen_text(pilot.app)
        if text != seen:
            seen, since = text, time.monotonic()
        await asyncio.sleep(0.02)


def tidied(svg: str) -> str:
    """A picture without what differs from one drawing to the next, and without fonts to fetch."""
    svg = re.sub(r"terminal-\d+-", "t-", svg)
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, DejaVu Sans Mono, Consolas, monospace")
    # Numbers in attributes only: a page may show addresses.
    svg = re.sub(r'((?:x|y|x1|x2|y1|y2|width|height|textLength)="\d+\.\d\d)\d+', r"\1", svg)
    return "\n".join(line.rstrip() for line in svg.split("\n") if line.strip()) + "\n"


async def drawn(picture: Picture) -> dict[str, str]:
    """A picture in each language, by language: the same page, switched over."""
    from importlib import import_module

    from textual.widgets import Input

    services = made_up.StandInServices(**{k: _fresh(v) for k, v in picture.services.items()})
    import_module(f"screens.{picture.page}")
    app = AssistantApp(services, LANGUAGES[0])
    app.theme = THEME
    app.animation_level = "none"
    found: dict[str, str] = {}
    with _standing_still():
        async with app.run_test(size=SIZE) as pilot:
            if picture.start is not None:
                app.go_to(picture.start)
            await picture.steps(pilot, services)
            for language in LANGUAGES:
                app.language = language
                for box in app.screen.query(Input):
                    box.cursor_blink = False
                await _settled(pilot)
                found[language] = tidied(app.export_screenshot(simplify=True))
    return found


def _fresh(value: Any) -> Any:
    """A value of the table, so that no picture changes what the next one sees."""
    made = value() if callable(value) else value
    return dict(made) if isinstance(made, dict) else made


def path_of(name: str, language: str) -> Path:
    """Where a picture is kept."""
    return PICTURES / f"{name}.{language}.svg"


def main(argv: list[str]) -> int:
    """Draw, or with ``--check`` compare; returns 1 when a picture is not current."""
    check = "--check" in argv
    names = {argument for argument in argv if not argument.startswith("-")}
    stale = 0
    for picture in TABLE:
        if not picture.exists or (names and picture.name not in names):
            continue
        for language, svg in asyncio.run(drawn(picture)).items():
            path = path_of(picture.name, language)
            old = path.read_text("utf-8") if path.exists() else ""
            if old == svg:
                continue
            stale += 1
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(svg, "utf-8", newline="\n")
            sys.stdout.write(f"{'not current' if check else 'drawn'}: {path.name}\n")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
