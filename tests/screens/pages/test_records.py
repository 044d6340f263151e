"""The records of each option on the checks page, and letting the DNS company set them."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from textual import events

from assistant.dns_records.publish import Outcome
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Status
from assistant.plan.compile import compile_plan
from assistant.text import Message, msg, render
from assistant.wizard.draft import Step
from screens.app import AssistantApp
from screens.checks.checks import ChecksPage
from screens.checks.records_view import Seen, all_seen, copy_text, record_lines, record_states
from screens.servers.provider_dialog import ProviderDialog
from screens.widgets.field import Field
from screens.widgets.stepper import Stepper
from tests.support.screens_runs import RECORDS_SET
from tests.support.screens_stand_in import (
    StandInServices,
    known_services,
    run_app,
    screen_text,
    until,
)
from tests.support.screens_values import (
    FINDINGS,
    INSIDE_ADDRESS,
    INSIDE_NAME,
    NAME,
    SETUP_NAME,
    draft,
    option_draft,
    option_setup,
)


def finding(subject: str, status: Status, cause: str = "", vantage: str = THIS_COMPUTER) -> Finding:
    return Finding(
        check="dns",
        subject=subject,
        vantage=vantage,
        status=status,
        cause=cause,
        summary=msg("x"),
        confidence=Confidence.HIGH,
    )


def shown(option: Literal[2, 3, 4], *findings: Finding) -> list[str]:
    states = record_states(compile_plan(option_setup(option)).records, findings)
    lines = record_lines(states)
    return [render(line.text) if isinstance(line.text, Message) else line.text for line in lines]


# -- pure ---------------------------------------------------------------------------


def test_option_2_has_records_for_both_servers() -> None:
    lines = shown(2)
    assert f"{INSIDE_NAME}. 300 IN A {INSIDE_ADDRESS}" in lines
    assert f"{NAME}. 300 IN A 203.0.113.9" in lines
    assert "DNS records: 0 of 4 are right" in lines
    assert not any("device" in line for line in lines)


def test_option_3_says_what_must_be_nowhere_and_what_devices_need() -> None:
    lines = shown(3)
    assert f"{INSIDE_NAME} must be in no public DNS; not asked yet, or no answer" in lines
    assert sum(INSIDE_NAME in line for line in lines) == 2, "one line of it, one for devices"
    assert f"{INSIDE_ADDRESS} {INSIDE_NAME}" in lines
    assert f"{INSIDE_NAME}. 300 IN A {INSIDE_ADDRESS}" not in lines
    well = shown(3, finding(f"{INSIDE_NAME} public", Status.OK))
    assert f"{INSIDE_NAME} is in no public DNS, as it should be" in well
    assert "DNS records: 0 of 3 are right" in lines and "DNS records: 1 of 3 are right" in well


def test_a_private_name_that_is_found_anywhere_is_found() -> None:
    there = finding(f"{INSIDE_NAME} public", Status.FAILED, "record-present", "outside")
    lines = shown(3, finding(f"{INSIDE_NAME} public", Status.OK), there)
    (told,) = [line for line in lines if "delete every record of it" in line]
    assert "A, AAAA, CNAME, HTTPS, SRV" in told


def test_option_4_waits_for_no_record_that_a_program_keeps() -> None:
    records = compile_plan(option_setup(4)).records
    lines = shown(4)
    assert any("your machine at home keeps it right" in line for line in lines)
    right = [
        finding(f"{NAME} A", Status.OK),
        finding(f"{NAME} AAAA", Status.OK),
        finding(f"{INSIDE_NAME} AAAA", Status.OK),
    ]
    states = record_states(records, right)
    assert all_seen(states)
    assert copy_text(states) == f"{NAME}. 300 IN A 203.0.113.9\n"
    assert any(s.seen is Seen.UNKNOWN and s.record.dynamic for s in states)


# -- on the screen --------------------------------------------------------------------


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody who types the company's key; what was asked for is noted."""
    asked: list[str] = []

    async def provided(_: AssistantApp, name: str, host: str) -> str:
        asked.append(f"{name} {host}")
        return "secret-key"

    monkeypatch.setattr(AssistantApp, "provided", provided)
    return asked


async def checked(pilot: Any) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ChecksPage))
    await until(pilot, lambda: "must be mended first" in screen_text(pilot.app))
    await until(pilot, lambda: not pilot.app.screen.checking)


def test_the_company_sets_the_records_after_it_is_chosen(key: list[str]) -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProviderDialog))
        await pilot.press("enter")
        await pilot.pause()
        assert "Choose the company with the arrow keys" in screen_text(pilot.app)
        await pilot.press("right")
        await pilot.pause()
        assert "Alibaba Cloud" in screen_text(pilot.app)
        await pilot.press("enter")
        await until(
            pilot,
            lambda: pilot.app.focused is pilot.app.screen.query_one("#dns-account", Field).input,
        )
        pilot.app.focused.post_message(events.Paste("LTAI5tExample"))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: len(services.called("check")) == 2)
        assert services.called("set_records") == [(SETUP_NAME,)]
        assert key == [f"records-token {SETUP_NAME}"]
        provider = services.setups[SETUP_NAME].settings.provider
        assert provider is not None
        assert (provider.name, provider.account) == ("alidns", "LTAI5tExample")
        assert services.called("check")[-1][2] is None, "findings of before do not count any more"
        assert services.draft is not None and services.draft.provider.name == "alidns"
        assert "secret-key" not in services.setups[SETUP_NAME].model_dump_json()
        assert "secret-key" not in services.draft.model_dump_json()

    run_app(services, test, (120, 40), start=draft(Step.CHECKS))


def test_a_company_that_is_known_is_not_asked_for_again(key: list[str]) -> None:
    services = StandInServices(setups={SETUP_NAME: option_setup(4)}, events={"check": FINDINGS})

    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("p")
        await until(pilot, lambda: len(services.called("check")) == 2)
        assert services.called("check")[-1][2] == {"dns"}
        assert "1 records are set" in screen_text(pilot.app)
        # what could not be done is told
        bad = RECORDS_SET[0]
        failed = Outcome(record=bad.record, state="failed", text=msg("The key was refused."))
        services.results["set_records"] = (failed,)
        await until(pilot, lambda: not pilot.app.screen.checking)
        await pilot.press("p")
        await until(pilot, lambda: "The key was refused." in screen_text(pilot.app))
        assert key

    run_app(services, test, (120, 40), start=option_draft(Step.CHECKS, 4))


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
def test_the_dialog_fits_and_can_be_left(size: tuple[int, int]) -> None:
    services = known_services()

    async def test(pilot: Any) -> None:
        await checked(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProviderDialog))
        stepper = pilot.app.screen.query_one(Stepper)
        await pilot.press("end")
        await pilot.pause()
        assert "RFC 2136" in screen_text(pilot.app)
        assert stepper.value == "rfc2136"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChecksPage))
        assert not services.called("set_records") and not services.called("save_setup")

    run_app(services, test, size, start=draft(Step.CHECKS))
