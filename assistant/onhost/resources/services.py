"""Accounts, units, timers and commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from assistant.onhost.resources.base import (
    MARKER,
    NAME,
    UNIT,
    Resource,
    check,
    is_line,
    is_path,
)


@dataclass(frozen=True, kw_only=True)
class User(Resource):
    """A system account with its own group of the same name."""

    kind: ClassVar[str] = "user"
    name: str
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.groups):
            check(bool(NAME.match(name)), self, f"bad name {name!r}")
        check(is_path(self.home) and is_path(self.shell), self, "home and shell are paths")

    @property
    def id(self) -> str:
        """``user:NAME``."""
        return f"user:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Service(Resource):
    """A systemd unit that is enabled and running with its present configuration.

    ``after`` lists ids of resources it reads: when their desired state differs from what the unit
    was last (re)started with, it is restarted (``reload``: reloaded when it is already running).
    ``health_url`` is asked over HTTP from the host itself until it answers below 500, within
    ``health_seconds``; a unit state is no proof of health. ``stage`` tells apart several mentions
    of one unit in a plan.
    """

    kind: ClassVar[str] = "service"
    unit: str
    enabled: bool = True
    running: bool = True
    reload: bool = False
    after: tuple[str, ...] = ()
    health_url: str = ""
    health_host: str = ""
    health_seconds: int = 60
    stage: str = ""

    def __post_init__(self) -> None:
        check(bool(UNIT.match(self.unit)), self, f"bad unit {self.unit!r}")
        local = re.fullmatch(r"(https?://(127\.0\.0\.1|localhost)(:\d+)?/[!-~]*)?", self.health_url)
        check(local is not None, self, f"health is asked on the host itself: {self.health_url!r}")

    @property
    def id(self) -> str:
        """``service:UNIT`` or ``service:UNIT#STAGE``."""
        return f"service:{self.unit}" + (f"#{self.stage}" if self.stage else "")


@dataclass(frozen=True, kw_only=True)
class Timer(Resource):
    """A command that runs by the calendar: writes NAME.service and NAME.timer and enables it.

    ``calendar`` is systemd's OnCalendar, ``delay`` its RandomizedDelaySec in seconds.
    ``sandbox`` holds further lines for the service's [Service] section.
    """

    kind: ClassVar[str] = "timer"
    name: str
    description: str
    command: tuple[str, ...]
    calendar: str
    delay: int = 0
    user: str = "root"
    sandbox: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(bool(MARKER.match(self.name)), self, f"bad name {self.name!r}")
        check(bool(self.command) and is_path(self.command[0]), self, "command needs a full path")
        for text in (self.description, self.calendar, *self.command, *self.sandbox):
            check(is_line(text), self, f"a line with a control character: {text!r}")
        check(bool(NAME.match(self.user)), self, f"bad user {self.user!r}")

    @property
    def id(self) -> str:
        """``timer:NAME``."""
        return f"timer:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Command(Resource):
    """A command run when it is needed: ``creates`` is missing, or ``unless`` does not exit 0.

    With neither, it is needed when the desired state of ``after`` differs from its last success.
    Undo removes the files that it ``makes``; nothing else that it did can be taken back.
    """

    kind: ClassVar[str] = "command"
    name: str
    argv: tuple[str, ...]
    unless: tuple[str, ...] = ()
    creates: str = ""
    makes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    user: str = "root"
    timeout: int = 300

    def __post_init__(self) -> None:
        check(bool(MARKER.match(self.name)), self, f"bad name {self.name!r}")
        check(bool(self.argv), self, "no argv")
        for text in (*self.argv, *self.unless):
            check("\0" not in text, self, "NUL in an argument")
        check(bool(self.unless or self.creates or self.after), self, "nothing says when it runs")

    @property
    def id(self) -> str:
        """``command:NAME``."""
        return f"command:{self.name}"
