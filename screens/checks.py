"""The checks: a grid that fills in, findings that open, records to wait for, and the way on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from assistant.draft import Draft
from assistant.errors import AssistantError
from assistant.findings import Finding
from assistant.steps import Step
from assistant.text import Message, msg
from checks.verdict import ready_to_apply
from screens.checking import DNS_CHECKS, WAIT, CheckWork, checks_to_run, wait_for_records
from screens.findings_page import FindingsPage
from screens.lines import TextLine
from screens.page import NOTHING_CHANGED, Page
from screens.records_view import all_seen, record_states
from screens.run_dialogs import Question

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
        "DNS records are entered at the company where you manage your domain. w waits until they"
        " are seen; you can go elsewhere meanwhile and come back. Nothing here changes your"
        " servers."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "wait", str(msg("Wait for DNS"))),
        Binding("p", "add_records", str(msg("Add the records (practice)")), show=False),
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
        if self._can_add:
            return msg(
                "{copy}  copies them   {wait}  waits until they are seen   {add}  adds them for"
                " you (practice)",
                copy="c",
                wait="w",
                add="p",
            )
        return msg("{copy}  copies them   {wait}  waits until they are seen", copy="c", wait="w")

    # -- actions ---------------------------------------------------------------------

    @property
    def _can_add(self) -> bool:
        """Whether this is a practice, where the records can be added from here."""
        return self.assistant.services.practice

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that mean nothing now."""
        if action == "wait":
            return not self.checking and not self.waiting and not all_seen(self.record_states)
        if action == "add_records":
            return self._can_add and not all_seen(self.record_states)
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
        """In a practice: let the made-up company add the records, then look."""
        self.assistant.run_worker(self._add_records(), exit_on_error=False)

    async def _add_records(self) -> None:
        if not self._can_add:
            return
        try:
            await self.assistant.services.add_records(self.setup_name)
        except AssistantError as error:
            self.assistant.tell(error.message, warning=True)
            return
        if self.is_mounted and not self.checking:
            self.begin_checks(DNS_CHECKS)

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
        if self._can_add:
            yield (
                msg("Add the records (practice)"),
                msg("The practice company adds them at once"),
                self.action_add_records,
            )
        if not self.ready:
            yield msg("Go on anyway"), msg("In spite of what failed"), self.action_anyway
