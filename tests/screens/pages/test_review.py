"""The review: everything that will be done, before it is done; hand edits are decided here."""

from __future__ import annotations

import re
from typing import Any

from assistant.operations.apply import HostPreview
from assistant.wizard.steps import Step
from screens.apply.apply import ApplyPage
from screens.apply.change_tree import ChangeTree
from screens.apply.change_view import ChangeView, DetailsDialog, diff_lines
from screens.apply.review import ReviewPage
from tests.support.screens_runs import CONFLICT, PREVIEWS_CONFLICT, PREVIEWS_NOTHING, STATES
from tests.support.screens_stand_in import (
    StandInServices,
    known_services,
    run_app,
    screen_lines,
    screen_text,
    until,
)
from tests.support.screens_values import (
    ODD,
    ODD_SHOWN,
    OUTSIDE,
    SETUP_NAME,
    applied_setup,
    draft,
    error,
)

DRAFT = draft(Step.REVIEW)


def shows(pilot: Any, text: str) -> bool:
    """Whether the screen shows a text, wherever its lines are broken."""
    return " ".join(text.split()) in " ".join(screen_text(pilot.app).split())


async def shown(pilot: Any, text: str) -> None:
    await until(pilot, lambda: shows(pilot, text))


def seconds_shown(pilot: Any) -> int:
    """How long it has been looking, as the screen tells; 0 when it does not."""
    found = re.search(r"… (\d+) s", screen_text(pilot.app))
    return int(found[1]) if found else 0


def with_conflict(*more: dict[str, Any]) -> StandInServices:
    services = known_services()
    states = (*PREVIEWS_CONFLICT[0].states, *more)
    services.results["preview"] = (HostPreview(OUTSIDE, 53, states),)
    return services


SECOND = {**CONFLICT, "id": "file:/etc/matrix-synapse/log.yaml", "title": "Synapse: logging"}


def test_it_tells_what_will_be_done_and_goes_on() -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await shown(pilot, "What will be done")
        assert shows(pilot, "outside: 11 of 53 things, 1 package, about 400 MB of disk")
        assert shows(pilot, "about 2 minutes")
        assert shows(pilot, "Packages (1)")
        assert shows(pilot, "Nothing has been changed on your servers yet.")
        assert services.called("preview") == [(SETUP_NAME, {})]
        assert services.called("apply") == []
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApplyPage))
        assert services.draft is not None
        assert services.draft.step is Step.APPLY

    run_app(services, test, start=DRAFT)


def test_while_it_looks_nothing_can_be_started() -> None:
    services = known_services()
    services.hold("preview")

    async def test(pilot: Any) -> None:
        await shown(pilot, "Looking at your servers")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ReviewPage)
        services.release("preview")
        await shown(pilot, "Set it up now")

    run_app(services, test, start=DRAFT)


def test_a_slow_look_that_is_left_goes_on_and_is_found_again() -> None:
    services = known_services()
    services.hold("preview")

    async def test(pilot: Any) -> None:
        await shown(pilot, "Looking at your servers")
        pilot.app.work.began -= 10
        await until(pilot, lambda: seconds_shown(pilot) >= 10)
        pilot.app.go_to(DRAFT)
        await until(pilot, lambda: seconds_shown(pilot) >= 10)
        services.release("preview")
        await shown(pilot, "What will be done")
        assert len(services.called("preview")) == 1

    run_app(services, test, start=DRAFT)


def test_a_server_that_does_not_answer_and_then_does() -> None:
    services = known_services()
    services.errors["preview"] = error()

    async def test(pilot: Any) -> None:
        await shown(pilot, "The server outside gave no answer.")
        assert shows(pilot, "Look again")
        del services.errors["preview"]
        await pilot.press("enter")
        await shown(pilot, "What will be done")

    run_app(services, test, start=DRAFT)


def test_a_defect_closes_nothing(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    services = known_services()
    services.errors["preview"] = ZeroDivisionError("secret")

    async def test(pilot: Any) -> None:
        await shown(pilot, "The servers could not be looked at")
        assert not shows(pilot, "secret")
        del services.errors["preview"]
        await pilot.press("r")
        await shown(pilot, "What will be done")

    run_app(services, test, start=DRAFT)


def test_nothing_to_change() -> None:
    services = known_services(setups={SETUP_NAME: applied_setup()})
    services.results["preview"] = PREVIEWS_NOTHING

    async def test(pilot: Any) -> None:
        await shown(pilot, "All 53 things are as they should be.")
        assert shows(pilot, "Everything is as planned — go on")
        assert str(pilot.app.screen.changed) == "Nothing was changed by looking."
        await pilot.press("enter")
        await shown(pilot, "Everything is set up")
        assert services.called("apply") == []

    run_app(services, test, start=DRAFT)


def test_hand_edits_are_decided_before_it_goes_on() -> None:
    services = with_conflict(SECOND)

    async def test(pilot: Any) -> None:
        await shown(pilot, "2 things were edited by hand")
        button = pilot.app.screen.query_one("#primary")
        assert button.disabled
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ReviewPage)
        tree = pilot.app.screen.query_one(ChangeTree)
        tree.focus()
        first = tree.present.id
        await pilot.press("k")
        await shown(pilot, "yours is kept")
        await until(pilot, lambda: tree.present.id != first)
        await pilot.press("n")
        await shown(pilot, "the new one is used")
        assert not button.disabled
        assert not shows(pilot, "edited by hand on a server")
        await pilot.press("enter")
        await until(pilot, lambda: len(services.called("apply")) == 1)
        expected = {OUTSIDE: {first: "keep", _other(first): "overwrite"}}
        assert services.called("apply") == [(SETUP_NAME, expected)]

    run_app(services, test, start=DRAFT)


def _other(id: str) -> str:
    return next(state["id"] for state in (CONFLICT, SECOND) if state["id"] != id)


def test_decisions_are_kept_on_leaving_and_can_be_changed() -> None:
    services = with_conflict()

    async def test(pilot: Any) -> None:
        await shown(pilot, "One thing was edited by hand")
        await pilot.press("k")
        await shown(pilot, "yours is kept")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ReviewPage))
        kept = services.draft
        assert kept is not None
        assert kept.resolve == {OUTSIDE: {CONFLICT["id"]: "keep"}}
        pilot.app.go_to(kept.model_copy(update={"step": Step.REVIEW}))
        await shown(pilot, "Set it up now")
        assert not pilot.app.screen.query_one("#primary").disabled
        await pilot.press("c")
        tree = pilot.app.screen.query_one(ChangeTree)
        await until(pilot, lambda: getattr(tree.present, "id", "") == CONFLICT["id"])
        await pilot.press("n")
        await shown(pilot, "the new one is used")
        assert pilot.app.screen.current().resolve == {OUTSIDE: {CONFLICT["id"]: "overwrite"}}

    run_app(services, test, start=DRAFT)


def test_decisions_that_concern_nothing_any_more_are_dropped() -> None:
    services = known_services()
    services.hold("preview")
    old = draft(Step.REVIEW, resolve={OUTSIDE: {"file:/gone": "keep"}})

    async def test(pilot: Any) -> None:
        assert pilot.app.screen.current().resolve == old.resolve
        services.release("preview")
        await shown(pilot, "What will be done")
        assert pilot.app.screen.current().resolve == {}

    run_app(services, test, start=old)


def test_a_diff_is_one_key_away_and_shown_literally() -> None:
    services = with_conflict()

    async def test(pilot: Any) -> None:
        await shown(pilot, "One thing was edited by hand")
        assert pilot.app.screen.query_one(ChangeView).display is False
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailsDialog))
        await shown(pilot, f"+listen 443; # {ODD_SHOWN}")
        assert shows(pilot, "-listen 443;")
        assert "\x1b" not in screen_text(pilot.app)
        await pilot.press("k")
        await shown(pilot, "yours is kept")

    run_app(services, test, start=DRAFT)


def test_wide_it_stands_beside_the_tree() -> None:
    services = with_conflict()

    async def test(pilot: Any) -> None:
        await shown(pilot, "One thing was edited by hand")
        await shown(pilot, "-listen 443;")
        assert shows(pilot, "/etc/nginx/conf.d/matrix-assistant-https.conf")

    run_app(services, test, (120, 40), start=DRAFT)


def test_a_group_opens_and_a_package_tells_its_names() -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await shown(pilot, "Packages (1)")
        await pilot.press("down", "space", "down")
        await shown(pilot, "+ PostgreSQL new")
        await shown(pilot, "postgresql")

    run_app(services, test, (120, 40), start=DRAFT)


def test_what_a_host_says_is_never_markup() -> None:
    services = known_services()
    odd = {**STATES[1], "id": f"file:/etc/{ODD}", "title": ODD, "summary": ODD, "diff": f"+{ODD}"}
    services.results["preview"] = (HostPreview(OUTSIDE, 2, (odd,)),)

    async def test(pilot: Any) -> None:
        await shown(pilot, "Settings files (1)")
        await pilot.press("down", "space", "down")
        await shown(pilot, f"+ {ODD_SHOWN}")
        await shown(pilot, f"/etc/{ODD_SHOWN}")
        assert "\x1b" not in screen_text(pilot.app)

    run_app(services, test, (120, 40), start=DRAFT)


def test_another_language_keeps_what_is_open_selected_and_decided() -> None:
    services = with_conflict(SECOND)

    async def test(pilot: Any) -> None:
        await shown(pilot, "2 things were edited by hand")
        tree = pilot.app.screen.query_one(ChangeTree)
        await pilot.press("k")
        await shown(pilot, "yours is kept")
        await pilot.pause()
        before = (tree.cursor_line, tree.last_line, tree.present)
        for size in ((60, 20), (120, 40), (80, 24)):
            await pilot.press("f2")
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert (tree.cursor_line, tree.last_line, tree.present) == before
            assert all(len(line) <= size[0] for line in screen_lines(pilot.app))
        assert pilot.app.language == "zh"
        await shown(pilot, "核对")
        assert pilot.app.screen.current().resolve[OUTSIDE]

    run_app(services, test, start=DRAFT)


def test_a_run_that_is_under_way_is_not_disturbed() -> None:
    services = known_services()
    services.hold("apply", 6)

    async def test(pilot: Any) -> None:
        await shown(pilot, "17 of ")
        await pilot.press("escape")
        await shown(pilot, "Your servers are being set up")
        assert services.called("preview") == []
        await pilot.press("enter")
        await shown(pilot, "things are set up on outside.")
        services.release("apply")
        await shown(pilot, "Everything is set up")
        assert len(services.called("apply")) == 1

    run_app(services, test, start=draft(Step.APPLY))


def test_signs_of_a_diff_stay_without_colours() -> None:
    lines = diff_lines("--- a\n+++ b\n@@ -1 +1 @@\n-x [b]\n+y\n z")
    assert [line.plain for line in lines] == ["--- a", "+++ b", "@@ -1 +1 @@", "-x [b]", "+y", " z"]
