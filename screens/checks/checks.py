"""The checks: a grid that fills in, findings that open, records to wait for, and the way on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from assistant.common.errors import AssistantError
from assistant.findings.model import Finding
from assistant.setup.model import Setup
from assistant.text import Message, msg
from assistant.wizard.draft import Draft, draft_of
from assistant.wizard.steps import Step
from checks.verdict import ready_to_apply
from screens.base.dialogs import Question
from screens.base.page import NOTHING_CHANGED, Page
from screens.checks.check_work import DNS_CHECKS, WAIT, CheckWork, checks_to_run, wait_for_records
from screens.checks.findings_page import FindingsPage
from screens.checks.records_view import all_seen, record_states
from screens.widgets.styled_lines import TextLine

if TYPE_CHECKING:
    from assistant.dns_records.publish import Outcome

FRESH = timedelta(minutes=10)
"""Findings younger than this are shown as they are; older ones are measured again on entry."""


class ChecksPage(FindingsPage, Page):
    """Is everything ready for the deployment? Looks from this computer and from every server."""

    step = Step.CHECKS
    changed: Message = NOTHING_CHANGED
    help_text = msg(
        "Each row is something that must be right, each column a place it is seen from. A sign"
        " and a word say how it is: ✓ ok, ! check, ✗ failed, ? undecided, – not run. Move with the"
        " arrow keys; the selected finding opens beside or below the table.\n\n"
        "r checks the selected row again, R everything, f what is not ok. Space shows every row, v"
        " what was measured, c copies, e writes a report for someone who helps you.\n\n"
        "DNS records are entered at the company where you manage your domain; p has them entered"
        " by that company's interface, if you have a key for it. w waits until they are seen; you"
        " can go elsewhere meanwhile and come back. Nothing here changes your servers."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "wait", str(msg("Wait for DNS"))),
        Binding("p", "add_records", str(msg("Add the records")), show=False),
        Binding("g", "anyway", str(msg("Go on anyway"))),
    ]

    OWN_KEYS = ("again", "failed", "wait", "stop", "anyway", "export", "all")

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._entered = False

    @property
    def setup_name(self) -> str:
        """The setup of the draft."""
        return self.draft.setup

    # -- what is shown -------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether the findings allow to go on."""
        return ready_to_apply(self.whole_findings)[0]

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """The findings that stand in the way."""
        return ready_to_apply(self.whole_findings)[1]

    @property
    def primary(self) -> Message | None:
        """Check again while something blocks; else on to the review."""
        if self.checking:
            return None
        if self.problem is None and self.ready:
            return msg("Review what will change")
        return msg("Check again")

    def loaded(self) -> None:
        """The first time: measure, unless that is under way or was just done."""
        if self._entered:
            return
        self._entered = True
        record = self.setup.findings if self.setup else None
        fresh = record is not None and timedelta() <= self.now() - record.at < FRESH
        if self.run is not None and self.run.state == "running":
            return
        if not self.busy and not (fresh and self.findings):
            self.begin_checks()

    def head(self) -> Sequence[TextLine]:
        """Counted, and what that means for going on."""
        lines = self.state_lines()
        if self.problem is not None or self.checking or not self.whole_findings:
            return lines
        if self.waiting:
            lines.append(TextLine(self._waiting_words()))
        elif self.blockers:
            lines.append(
                TextLine(
                    msg(
                        "{count} must be mended first ({key}  goes on anyway).",
                        count=len(self.blockers),
                        key="g",
                    )
                )
            )
        else:
            lines.append(TextLine(msg("Nothing stands in the way.")))
        return lines

    def _waiting_words(self) -> Message:
        run = self.run
        if run is None or run.looking:
            return msg("Waiting for the DNS records: looking now. You may go elsewhere.")
        left = max(0, round(run.next_at - time.monotonic()))
        if run.trouble is not None:
            return msg(
                "Waiting for the DNS records. The last look failed ({why}); next one in {seconds}"
                " s.",
                why=run.trouble,
                seconds=left,
            )
        return msg(
            "Waiting for the DNS records: next look in {seconds} s. You may go elsewhere.",
            seconds=left,
        )

    def records_hint(self) -> Message | None:
        """What the keys do with the records."""
        if all_seen(self.record_states):
            return super().records_hint()
        if self.waiting:
            return msg("{copy}  copies them   {stop}  stops waiting", copy="c", stop="x")
        if self._practice:
            return msg(
                "{copy}  copies them   {wait}  waits until they are seen   {add}  adds them for"
                " you (practice)",
                copy="c",
                wait="w",
                add="p",
            )
        return msg(
            "{copy}  copies them   {wait}  waits until they are seen   {add}  lets your DNS"
            " company add them",
            copy="c",
            wait="w",
            add="p",
        )

    # -- actions ---------------------------------------------------------------------

    @property
    def _practice(self) -> bool:
        """Whether this is a practice, whose company adds records without being asked."""
        return self.assistant.services.practice

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that mean nothing now."""
        if action == "wait":
            return not self.checking and not self.waiting and not all_seen(self.record_states)
        if action == "add_records":
            return not self.checking and not all_seen(self.record_states)
        if action == "anyway":
            return not self.checking and not self.ready and self.setup is not None
        return super().check_action(action, parameters)

    def action_primary(self) -> None:
        """Check again, or on to the review."""
        if self.checking:
            return
        if self.problem is not None or self.setup is None:
            self._entered = False
            self.load()
        elif self.ready:
            self.post_message(self.Next(self.current()))
        else:
            self.begin_checks()

    def action_wait(self) -> None:
        """Look at the records every few seconds until they are as they must be."""
        if self.setup is None or (self.busy and not self.waiting):
            self.assistant.tell(msg("Something else is under way. Wait until it is done."))
            return
        records, phase = self._records, self.phase
        work = CheckWork(
            WAIT,
            setup=self.setup_name,
            before=self.findings,
            wanted=checks_to_run(phase, DNS_CHECKS, self.findings),
        )

        def done(findings: Sequence[Finding]) -> bool:
            return all_seen(record_states(records, findings))

        services, talk = self.assistant.services, self.assistant

        async def job() -> tuple[Finding, ...]:
            return await wait_for_records(services, talk, work, done, phase)

        self.assistant.begin(work, job)
        self._draw_news()

    def ended(self, work: CheckWork) -> None:
        """Waiting came to its end: say how."""
        if work.name != WAIT or work.state != "done":
            return
        if all_seen(record_states(self._records, work.findings)):
            self.assistant.tell(msg("The DNS records are seen."))
        else:
            self.assistant.tell(
                msg("The DNS records are still not seen. Press w to wait again."), warning=True
            )

    def action_add_records(self) -> None:
        """Have the records set by the company that looks after them, then look."""
        self.assistant.run_worker(self._add_records(), exit_on_error=False)

    async def _add_records(self) -> None:
        app, name = self.assistant, self.setup_name
        if self.setup is None or (self.busy and not self.waiting):
            app.tell(msg("Something else is under way. Wait until it is done."))
            return
        known = self.setup.settings.provider is not None
        try:
            if self._practice:
                await app.services.add_records(name)
            elif await self._has_provider(self.setup):
                outcomes = await app.services.set_records(name, app)
                if not outcomes:
                    return
                message, well = _set_words(outcomes)
                app.tell(message, warning=not well)
            else:
                return
        except AssistantError as error:
            app.tell(error.message, warning=True)
            return
        if self.is_mounted and not self.checking:
            # Findings are of a setup without a company where there was none.
            self.begin_checks(DNS_CHECKS if known or self._practice else None)

    async def _has_provider(self, setup: Setup) -> bool:
        """Whether the company is known; if not, it is asked for and kept in the setup."""
        if setup.settings.provider is not None:
            return True
        from screens.servers.provider_dialog import ProviderDialog

        provider = await self.assistant.push_screen_wait(ProviderDialog(setup.option))
        if provider is None:
            return False
        services = self.assistant.services

        def keep() -> Setup:
            now = services.load_setup(setup.name)
            settings = now.settings.model_copy(update={"provider": provider})
            changed = now.model_copy(update={"settings": settings})
            services.save_setup(changed)
            return changed

        self.setup = await asyncio.to_thread(keep)
        typed = draft_of(self.setup, self.draft.step).provider
        self.draft = self.draft.model_copy(update={"provider": typed})
        self.assistant.keep(self.draft)
        return True

    def action_anyway(self) -> None:
        """Go on in spite of what stands in the way, after a second yes."""
        self.assistant.run_worker(self._anyway(), exit_on_error=False)

    async def _anyway(self) -> None:
        count = len(self.blockers)
        if count:
            why = msg(
                "{count} findings say that it will not work yet. If you go on, setting up may stop"
                " half-way, or end with a service nobody can reach. You can undo it and come back."
                " The first one: {first}",
                count=count,
                first=self.blockers[0].summary,
            )
        else:
            why = msg(
                "Nothing was checked. If you go on, setting up may stop half-way, or end with a"
                " service nobody can reach. You can undo it and come back."
            )
        question = Question(
            msg("Go on although something stands in the way?"),
            why,
            msg("Go on at my own risk"),
            msg("Stay here"),
        )
        if await self.assistant.push_screen_wait(question) is not None and self.is_mounted:
            self.post_message(self.Next(self.current()))

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """All actions, for the palette."""
        yield from super().commands()
        yield (
            msg("Wait for the DNS records"),
            msg("Look every ten seconds until they are seen"),
            self.action_wait,
        )
        if self._practice:
            yield (
                msg("Add the records (practice)"),
                msg("The practice company adds them at once"),
                self.action_add_records,
            )
        else:
            yield (
                msg("Let your DNS company add the records"),
                msg("By its interface; its key is asked for and not kept"),
                self.action_add_records,
            )
        if not self.ready:
            yield msg("Go on anyway"), msg("In spite of what failed"), self.action_anyway


def _set_words(outcomes: Sequence[Outcome]) -> tuple[Message, bool]:
    """What became of the records, and whether that is well."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        text = msg(
            "{failed} of {total} records could not be set. {first} Add them by hand, or try again.",
            failed=len(failed),
            total=len(outcomes),
            first=failed[0].text,
        )
        return text, False
    changed = sum(outcome.state == "changed" for outcome in outcomes)
    if not changed:
        return msg("All records are there already. Others may see them a little later."), True
    return msg("{count} records are set. It may take minutes to be seen.", count=changed), True
