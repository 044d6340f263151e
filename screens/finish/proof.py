"""The first part of the last page: the checks after, and the encrypted conversation, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message as Event

from assistant.canary.model import CanaryResult
from assistant.findings.model import Finding, Status
from assistant.setup.homeservers import homeservers
from assistant.text import Message, msg
from checks.verdict import by_urgency
from screens.base.app_base import AppBase, app_of
from screens.base.background_work import Work
from screens.widgets.chat import Chat, talked
from screens.widgets.status import Verdict
from screens.widgets.words import Words, retell_all

if TYPE_CHECKING:
    from assistant.setup.model import HistoryEntry, Setup

WORK = "canary"
_TICK = 0.1
"""Seconds between two drawings while something happens."""


def proven(setup: Setup) -> HistoryEntry | None:
    """The canary that came out well after everything that was done to the servers since."""
    for entry in reversed(setup.history):
        if entry.what == "canary":
            return entry if entry.ok else None
        if entry.what in ("applied", "undone"):
            return None
    return None


class ProofPart(Vertical):
    """Runs the proof as work of the app, so that it goes on when the page is left."""

    class News(Event):
        """It began or ended."""

    DEFAULT_CSS = """
    ProofPart { height: auto; }
    ProofPart Chat { margin: 0 0 1 0; }
    ProofPart #doing { margin: 0 0 1 0; }
    ProofPart Vertical { height: auto; }
    ProofPart #proofs { margin: 0 0 1 0; }
    """

    def __init__(self, setup_name: str, **how: Any) -> None:
        super().__init__(**how)
        self._setup_name = setup_name
        self._work: Work | None = None
        self._unwatch: Any = None
        self._news = False
        self._kept: tuple[Finding, ...] = ()

    @property
    def _assistant(self) -> AppBase:
        return app_of(self)

    def compose(self) -> ComposeResult:
        """The verdict in a sentence, the conversation, what it proves, the checks."""
        yield Words(msg("Trying it out"), id="proof-title", classes="title")
        with Vertical(id="columns"):
            with Vertical(id="talk"):
                yield Words("", id="who", classes="muted")
                yield Words("", id="doing", classes="muted")
                yield Chat(id="chat")
                yield Vertical(id="proofs")
            yield Vertical(id="findings")

    def on_mount(self) -> None:
        """Draw on a timer: news may come faster than anybody can read."""
        self.query_one("#who").display = False
        self.query_one("#doing").display = False
        self.query_one(Chat).display = False
        self.set_interval(_TICK, self._draw_news)

    def on_unmount(self) -> None:
        """The work goes on without being watched."""
        if self._unwatch is not None:
            self._unwatch()

    @property
    def running(self) -> bool:
        """Whether the proof is under way."""
        return self._work is not None and self._work.state == "running"

    # -- the work ------------------------------------------------------------

    def know(self, setup: Setup) -> None:
        """Pick up the proof of this setup where it is, or begin it."""
        self._kept = setup.current_findings
        self._tell_who(setup)
        work = self._assistant.work
        entry = proven(setup)
        if work is not None and work.name == WORK and work.setup == self._setup_name:
            self._follow(work)
        elif entry is not None:
            self._proven(entry)
        else:
            self.begin()

    def _tell_who(self, setup: Setup) -> None:
        """With two servers: which of the two test users is where."""
        first, *others = (server.server_name for server in homeservers(setup))
        who = self.query_one("#who", Words)
        who.display = bool(others)
        if others:
            who.message = msg("A is on {first}, B on {second}.", first=first, second=others[-1])

    def begin(self) -> None:
        """Check and let the two talk, unless something is under way."""
        app = self._assistant
        if app.work is not None and app.work.state == "running":
            if app.work is not self._work:
                self.trouble(msg("Something else is still under way. When it has ended, press r."))
            return
        work, name = Work(WORK, self._setup_name), self._setup_name

        async def job() -> CanaryResult:
            await app.services.check(name, app, phase="after", only=None, report=work.report)
            return await app.services.canary(name, app, work.report)

        app.begin(work, job)
        self._follow(work)

    def _follow(self, work: Work) -> None:
        if self._unwatch is not None:
            self._unwatch()
        self._work = work
        self._unwatch = work.watch(self._note)
        self._draw()
        self.post_message(self.News())

    def _note(self) -> None:
        self._news = True

    def _draw_news(self) -> None:
        if self._news:
            self._news = False
            self._draw()

    # -- drawing -------------------------------------------------------------

    def trouble(self, message: Message) -> None:
        """Say why there is no proof."""
        self._title(msg("Not proven yet"))
        self._doing(None)
        self._verdicts("proofs", ((Status.FAILED, message),))

    def _proven(self, entry: HistoryEntry) -> None:
        self._title(msg("It works: messages arrive, and the server cannot read them"))
        when = f"{entry.at.astimezone():%Y-%m-%d %H:%M}"
        self._verdicts(
            "proofs",
            ((Status.OK, msg("Proven on {when}. Press r to run it again.", when=when)),),
        )
        self._findings(self._kept)

    def _draw(self) -> None:
        work = self._work
        if work is None or not self.is_attached:
            return
        result = work.result if isinstance(work.result, CanaryResult) else None
        found = [event for event in work.events if isinstance(event, Finding)]
        now = talked(work.events, result)
        self.query_one(Chat).show(now)
        running = work.state == "running"
        if running:
            self._title(msg("Trying it out"))
            doing = now.doing or (
                None
                if now.writing
                else msg(
                    "Looking at your service from outside and inside: {count}", count=len(found)
                )
            )
            self._doing(doing)
            self._verdicts("proofs", ())
            if now.lines and self.display:
                self.query_one(Chat).scroll_visible(animate=False, top=False)
            return
        self._doing(None)
        self._end(work, result)
        self._findings(found or self._kept)
        self.post_message(self.News())

    def _end(self, work: Work, result: CanaryResult | None) -> None:
        if result is not None:
            well = not any(event.blocking for event in work.events if isinstance(event, Finding))
            if result.ok and well:
                title = msg("It works: messages arrive, and the server cannot read them")
            elif result.ok:
                title = msg("Messages arrive encrypted, but some checks did not come out well")
            else:
                title = msg("Not proven yet")
            self._title(title)
            self._verdicts("proofs", tuple(_verdicts(result)))
        elif work.error is not None:
            self.trouble(msg("{what} When that is mended, press r.", what=work.error.message))
        elif work.state == "cancelled":
            self.trouble(msg("It was stopped before it ended. Press r to run it again."))
        else:
            self.trouble(
                msg(
                    "The program itself stumbled, and wrote a report. Your service is as it was."
                    " Press r to try again."
                )
            )

    def _title(self, message: Message) -> None:
        self.query_one("#proof-title", Words).message = message

    def _doing(self, message: Message | None) -> None:
        line = self.query_one("#doing", Words)
        line.display = message is not None
        line.message = message or ""

    def _findings(self, findings: Sequence[Finding]) -> None:
        """What is not well, worst first, with what mends it; the rest is counted."""
        lines: list[tuple[Status, Message]] = []
        well = sum(finding.status is Status.OK for finding in findings)
        if well:
            lines.append((Status.OK, msg("{count} checks came out well.", count=well)))
        for finding in by_urgency(findings):
            if finding.status in (Status.OK, Status.SKIPPED):
                continue
            text = finding.summary
            if finding.remedy is not None:
                text = msg("{what} {remedy}", what=text, remedy=finding.remedy.text)
            lines.append((finding.status, text))
        skipped = sum(finding.status is Status.SKIPPED for finding in findings)
        if skipped:
            lines.append((Status.SKIPPED, msg("{count} could not be tried.", count=skipped)))
        self._verdicts("findings", tuple(lines))

    def _verdicts(self, id: str, lines: Sequence[tuple[Status, Message]]) -> None:
        """Lines of a block: those that are there say something else, so that nothing flickers."""
        block = self.query_one(f"#{id}", Vertical)
        block.display = bool(lines)
        known = list(block.query(Verdict))
        for verdict, (status, message) in zip(known, lines, strict=False):
            verdict.show(status, message)
        for verdict in known[len(lines) :]:
            verdict.remove()
        block.mount_all(Verdict(*line) for line in lines[len(known) :])
        self.call_after_refresh(lambda: retell_all(block.query(Verdict)))


def _arrived(result: CanaryResult) -> Sequence[tuple[Status, Message]]:
    """How many messages arrived; between two servers for each direction, as each may fail alone."""
    two = any(way.sender_server != way.receiver_server for way in result.directions)
    if two:
        return [
            (
                Status.OK if way.delivered == way.sent else Status.FAILED,
                msg(
                    "{sender} → {receiver}: {delivered} of {sent} messages arrived{slowest}.",
                    sender=way.sender_server,
                    receiver=way.receiver_server,
                    delivered=way.delivered,
                    sent=way.sent,
                    slowest=msg(", the slowest in {ms:.0f} ms", ms=max(way.ms)) if way.ms else "",
                ),
            )
            for way in result.directions
            if way.sent
        ]
    slowest = max((ms for way in result.directions for ms in way.ms), default=None)
    if not result.sent or slowest is None:
        return ()
    return [
        (
            Status.OK if result.delivered == result.sent else Status.FAILED,
            msg(
                "{delivered} of {sent} messages arrived, the slowest in {ms:.0f} ms.",
                delivered=result.delivered,
                sent=result.sent,
                ms=slowest,
            ),
        )
    ]


def _verdicts(result: CanaryResult) -> Sequence[tuple[Status, Message]]:
    lines = list(_arrived(result))
    two = any(way.sender_server != way.receiver_server for way in result.directions)
    if result.failure is not None:
        lines.append((Status.FAILED, result.failure))
    if result.encrypted_on_server:
        stored = msg("Both servers stored only ciphertext.")
        lines.append((Status.OK, stored if two else msg("The server stored only ciphertext.")))
    elif result.sent:
        lines.append(
            (Status.UNKNOWN, msg("Whether the server stored only ciphertext is not proven."))
        )
    if result.removed:
        lines.append((Status.OK, msg("The test users are gone.")))
    else:
        lines.append(
            (
                Status.WARNING,
                msg("The test users could not be removed; the next run (r) removes them."),
            )
        )
    return lines
