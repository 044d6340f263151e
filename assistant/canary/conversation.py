"""A run of the canary, from making the users to removing them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from assistant.canary.client import Person
from assistant.canary.encryption_proof import (
    Text,
    new_text,
    new_token,
    shortened,
    why_not_encrypted,
)
from assistant.canary.failures import CanaryError, from_accounts, from_exception
from assistant.canary.model import (
    Account,
    Accounts,
    CanaryEvent,
    CanaryRequest,
    CanaryResult,
    Direction,
    Line,
    Side,
    Step,
)
from assistant.text import Message, msg

_HOST_SECONDS = 120.0
"""Longest wait for one call to a host over SSH."""

T = TypeVar("T")
Who = Literal["A", "B"]
Report = Callable[[CanaryEvent], None]
PAIRS: tuple[tuple[Who, Who], ...] = (("A", "B"), ("B", "A"))


@dataclass(frozen=True)
class _Sent:
    sender: Who
    text: Text
    event_id: str
    ms: float | None


async def run_canary(
    request: CanaryRequest, accounts: Mapping[str, Accounts], report: Report | None = None
) -> CanaryResult:
    """Let two temporary users exchange encrypted messages, and prove what came of it.

    ``accounts`` are by server name. Failures are in the result. A cancelled run still removes its
    users before the cancellation goes on.
    """
    run = _Run(request, accounts, report or (lambda event: None))
    try:
        await run.converse()
    except CanaryError as error:
        run.fail(error)
    except Exception as error:
        run.fail(from_exception(error, request.sides[0].base_url))
    finally:
        await _to_the_end(run.clean_up())
    return run.result()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await something whole, even if this task is cancelled meanwhile (then cancel afterwards)."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    """Do several things side by side; the first failure ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _prove_stored(server: str, event: Mapping[str, Any], sent: _Sent) -> None:
    why = why_not_encrypted(event, sent.event_id, sent.text)
    if why == "missing":
        raise CanaryError(
            "not-stored",
            msg("The database of {server} does not hold a message it accepted.", server=server),
        )
    if why:
        raise CanaryError(
            "not-encrypted",
            msg(
                "A message in the database of {server} is not encrypted as it must be "
                "({reason}). Do not use this service for anything private.",
                server=server,
                reason=why,
            ),
        )


class _Run:
    """The state of one run."""

    def __init__(
        self, request: CanaryRequest, accounts: Mapping[str, Accounts], report: Report
    ) -> None:
        self._request = request
        self._accounts = accounts
        self._report = report
        self._begun = time.perf_counter()
        self._sides: dict[Who, Side] = {"A": request.sides[0], "B": request.sides[-1]}
        self._servers = tuple(dict.fromkeys(side.server_name for side in self._sides.values()))
        self._people: dict[Who, Person] = {}
        self._room = ""
        self._step: Step = "clean"
        self._sent: list[_Sent] = []
        self._run_token = new_token()
        self._control = new_token()
        self._encrypted = False
        self._removed = False
        self._failure: CanaryError | None = None

    def _tell(self, step: Step, message: Message, **more: Any) -> None:
        self._report(CanaryEvent(step=step, message=message, **more))

    def fail(self, error: CanaryError, step: Step | None = None) -> None:
        """Keep the first failure, and tell each."""
        self._failure = self._failure or error
        self._tell(step or self._step, error.message, ok=False)

    def _enter(self, step: Step, message: Message) -> None:
        self._step = step
        self._tell(step, message)

    async def _host(self, server: str, doing: str, call: Callable[[Accounts], Awaitable[T]]) -> T:
        """One call to a server's host, bounded in time, failing with a sentence."""
        try:
            async with asyncio.timeout(_HOST_SECONDS):
                return await call(self._accounts[server])
        except Exception as error:
            raise from_accounts(error, server, doing) from None

    async def converse(self) -> None:
        """Everything but the cleaning up; raises the first failure that ends the run."""
        await self._clean_before()
        await self._log_in()
        await self._meet()
        await self._talk()
        await self._prove()

    async def _clean_before(self) -> None:
        self._enter("clean", msg("Removing test users that an earlier run left behind"))
        await self._remove_users()

    async def _remove_users(self) -> tuple[str, ...]:
        """Remove all temporary users of all servers; returns those that are still there.

        One server that cannot be asked does not keep the others from being cleaned.
        """
        answers = await asyncio.gather(
            *(
                self._host(server, "remove", lambda accounts: accounts.remove_temporary())
                for server in self._servers
            ),
            return_exceptions=True,
        )
        left: list[str] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            left.extend(map(str, answer))
        return tuple(left)

    async def _log_in(self) -> None:
        self._enter("create", msg("Making two test users"))
        made = await self._create()
        self._enter("login", msg("Logging in as both"))
        for who, account in made.items():
            self._people[who] = Person(self._sides[who], account, self._request.timeout)
        await _all(*(person.log_in() for person in self._people.values()))
        if any(person.used_token for person in self._people.values()):
            self._tell(
                "login",
                msg(
                    "The homeserver limits logins at the moment, so a token was used in place of "
                    "the password."
                ),
            )

    async def _create(self) -> dict[Who, Account]:
        names: dict[Who, str] = {who: f"canary-{secrets.token_hex(4)}" for who in self._sides}
        made: dict[Who, Account] = {}

        async def on(server: str) -> None:
            whose = [who for who, side in self._sides.items() if side.server_name == server]
            wanted = [names[who] for who in whose]
            users = await self._host(server, "create", lambda accounts: accounts.create(wanted))
            made.update(zip(whose, users, strict=True))

        await _all(*(on(server) for server in self._servers))
        return made

    async def _meet(self) -> None:
        a, b = self._people["A"], self._people["B"]
        self._enter("room", msg("Meeting in a new encrypted room"))
        # The name is stored in the clear: the control that shows the search of the database works.
        federate = len(self._servers) > 1
        self._room = await a.make_room(f"canary {self._control}", b.user_id, federate=federate)
        await b.accept(self._room, federate=federate)
        self._enter("keys", msg("Exchanging keys"))
        await _all(a.share_keys(self._room, b.user_id), b.share_keys(self._room, a.user_id))
        await _all(a.has_key(self._room, b.user_id), b.has_key(self._room, a.user_id))

    async def _talk(self) -> None:
        """Take turns; a direction in which a message failed stays silent from then on."""
        self._step = "message"
        silent: set[Who] = set()
        for _ in range(self._request.messages):
            for sender, receiver in PAIRS:
                if sender not in silent:
                    try:
                        await self._say(sender, receiver)
                    except CanaryError as error:
                        silent.add(sender)
                        self.fail(error)

    async def _say(self, sender: Who, receiver: Who) -> None:
        text = new_text(self._run_token)
        event_id, begun = await self._people[sender].send(self._room, text.body)
        ms: float | None = None
        try:
            arrival = await self._people[receiver].read(text.body, event_id)
            ms = round(max(arrival.at - begun, 0.0) * 1000, 1)
        finally:
            self._sent.append(_Sent(sender, text, event_id, ms))
        self._tell(
            "message",
            msg(
                "{sender} → {receiver}: {text}",
                sender=sender,
                receiver=receiver,
                text=shortened(text),
            ),
            sender=sender,
            ms=ms,
        )

    async def _prove(self) -> None:
        """Read every message in every database that must hold it, and search for the texts."""
        if not self._sent:
            return
        self._enter("proof", msg("Reading what the servers stored"))
        await _all(*(self._prove_on(server) for server in self._servers))
        self._encrypted = True
        self._tell("proof", msg("Every stored message is encrypted; no text is in the clear"))

    async def _prove_on(self, server: str) -> None:
        """One server's part of the proof, read in one go: each call may cross the border."""
        held = [
            sent
            for sent in self._sent
            if sent.ms is not None or self._sides[sent.sender].server_name == server
        ]
        names = [sent.event_id for sent in held]
        needles = [self._control, self._run_token]
        stored = await self._host(
            server, "events", lambda accounts: accounts.stored(self._room, names, needles)
        )
        if stored.found.get(self._run_token, 1):
            raise CanaryError(
                "not-encrypted",
                msg(
                    "The text of a test message is readable in the database of {server}. Do not "
                    "use this service for anything private.",
                    server=server,
                ),
            )
        for sent in held:
            _prove_stored(server, stored.events.get(sent.event_id, {}), sent)
        if not stored.found.get(self._control):
            raise CanaryError(
                "search-blind",
                msg(
                    "Searching the database of {server} does not even find what is stored in the "
                    "clear, so it proves nothing.",
                    server=server,
                ),
            )

    async def clean_up(self) -> None:
        """Leave, remove the users, and tell whether they are gone; never raises."""
        self._enter("remove", msg("Removing the test users"))
        await asyncio.gather(*(person.leave(self._room) for person in self._people.values()))
        try:
            left = await self._remove_users()
        except CanaryError as error:
            self.fail(error)
            return
        if left:
            self.fail(
                CanaryError(
                    "left-behind",
                    msg(
                        "Test users could not be removed: {users}. The next run tries again.",
                        users=", ".join(left),
                    ),
                )
            )
            return
        self._removed = True
        self._tell("remove", msg("The test users are gone"))

    def result(self) -> CanaryResult:
        """What came out."""
        return CanaryResult(
            directions=tuple(
                Direction(
                    sender=sender,
                    sender_server=self._sides[sender].server_name,
                    receiver_server=self._sides[receiver].server_name,
                    sent=sum(sent.sender == sender for sent in self._sent),
                    ms=tuple(
                        sent.ms
                        for sent in self._sent
                        if sent.sender == sender and sent.ms is not None
                    ),
                )
                for sender, receiver in PAIRS
            ),
            encrypted_on_server=self._encrypted,
            removed=self._removed,
            cause=self._failure.cause if self._failure else "",
            failure=self._failure.message if self._failure else None,
            transcript=tuple(
                Line(sender=sent.sender, text=shortened(sent.text), ms=sent.ms)
                for sent in self._sent
            ),
            seconds=round(time.perf_counter() - self._begun, 2),
        )
