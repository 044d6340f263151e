"""One lab, one deployment per release, shared by all tests; a test that breaks things clones it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import pytest

from assistant.rehearsal.hosts.disks import DeployedImage
from assistant.rehearsal.journey import Journey, boot_hosts
from assistant.rehearsal.lab import Lab, LabHost
from assistant.rehearsal.make_ready import LAB_MISSING, make_ready
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.practice_setup import OUTSIDE_LABEL, SERVER_LABEL, practice_setup
from assistant.rehearsal.processes.contain import is_contained
from assistant.rehearsal.report import Rehearsed
from assistant.setup.file_format import dump_setup
from assistant.setup.model import Host, LinkWay, Login, Role, Setup
from checks import run_checks
from tests.lab.support.manifests import Manifest, manifest

T = TypeVar("T")
RELEASES = ("trixie", "bookworm")

GOOD_LINE = Border()
BAD_LINE = Border(rtt_ms=150, loss_percent=2)


@pytest.fixture(scope="package")
def runner() -> Iterator[asyncio.Runner]:
    if not is_contained():
        reason = os.environ.get(LAB_MISSING) or "not inside the practice internet (`make test` is)"
        if os.environ.get("MATRIX_ASSISTANT_LAB_REQUIRED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with asyncio.Runner() as runner:
        yield runner


@dataclass
class Deployed:
    """A finished deployment: its report, its setup, and an image that clones start from."""

    release: str
    report: Rehearsed
    setup: Setup
    image: DeployedImage


@dataclass
class Standing:
    """A deployment with two servers that stays up: tests use it and leave it as it was."""

    report: Rehearsed
    setup: Setup
    hosts: Mapping[str, LabHost]
    arguments: frozenset[bytes]
    """Every command line that was seen meanwhile, here and on the hosts."""
    before: Mapping[str, Manifest]
    """What /etc of each host was like before the apply."""


class Practice:
    """The shared lab, driven from tests that are plain functions."""

    def __init__(self, runner: asyncio.Runner, lab: Lab) -> None:
        self._runner = runner
        self.lab = lab
        self._deployed: dict[str, Deployed] = {}
        self._standing: Standing | None = None
        self._count = 0

    def run(self, work: Awaitable[T], seconds: float = 400) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(seconds):
                return await work

        return self._runner.run(bounded())

    def fresh(self, **how: Any) -> LabHost:
        """A new host with a name of its own. What stands goes first: it would keep the names."""
        self.take_down()
        self._count += 1
        return self.run(self.lab.boot(f"host-{self._count}", **how))

    def remove(self, host: LabHost) -> None:
        self.run(self.lab.remove(host.name))

    def setup_for(self, host: LabHost, **login: Any) -> Setup:
        """A Setup for a host, its key confirmed; its DNS points there."""
        setup = practice_setup(1, host.release, self.lab.facts, {"outside": host})
        keys = [key for key in host.host_keys if key.startswith("ssh-ed25519")]
        changed = setup.hosts[0].login.model_copy(update={"host_key": keys[0], **login})
        only = setup.hosts[0].model_copy(update={"login": changed, "release": host.release})
        setup = setup.model_copy(update={"hosts": (only,)})
        self.point(setup, host)
        return setup

    def point(self, setup: Setup, host: LabHost) -> None:
        """Let the name of the service lead to a host."""
        self.run(self.lab.dns_set(setup.server_name, "A", [host.ipv4]))
        self.run(self.lab.dns_set(setup.server_name, "AAAA", [host.ipv6]))

    def forget_names(self) -> None:
        """Take the records of the service out of the DNS again."""
        for label, kind in product((SERVER_LABEL, OUTSIDE_LABEL), ("A", "AAAA")):
            self.run(self.lab.dns_delete(f"{label}.{self.lab.facts.zone}", kind))

    def lay_line(self) -> None:
        """See that the lab has its home line."""
        if not self.lab.has_home:
            self.run(self.lab.home_line())

    def deployed(self, release: str) -> Deployed:
        """Option 1 on a release, by the whole journey of the rehearsal; made once."""
        if release not in self._deployed:
            self.forget_names()
            host = self.run(self.lab.boot(f"deployed-{release}", release=release))
            journey = Journey(self.lab, 1, release, run_checks, say=print, progress=lambda _: None)
            report = self.run(journey.travel({"outside": host}), 600)
            self.run(self.lab.power_off(host.name))
            image = self.run(self.lab.snapshot(host.name))
            self._deployed[release] = Deployed(release, report, journey.setup, image)
            self.forget_names()
        return self._deployed[release]

    def standing(self, option: int, links: LinkWay = "direct") -> Standing:
        """An option with two servers across a bad line, by the whole journey, made once.

        One of them stands at a time: asking for another takes the one before down.
        """
        wanted = (option, links)
        present = self._standing
        if (
            present is None
            or (present.report.option, present.setup.settings.outside_link) != wanted
        ):
            self.take_down()
            self._standing = self._put_up(option, links)
        assert self._standing is not None
        assert self._standing.report.ok, self._standing.report.error
        return self._standing

    def _put_up(self, option: int, links: LinkWay) -> Standing:
        from tests.lab.support.kept_secrets import sampled_arguments
        from tests.lab.support.stocked import stocked_image

        # Their packages are there already: what installing takes is the business of option 1.
        image = stocked_image(self)
        hosts = self.run(
            boot_hosts(self.lab, option, "trixie", lower={role.value: image for role in Role})
        )
        self.run(self.lab.border.change(BAD_LINE))
        journey = Journey(
            self.lab,
            option,
            "trixie",
            run_checks,
            say=print,
            progress=lambda _: None,
            border=BAD_LINE,
            links=links,
        )
        before = {role: manifest(self.lab.root_of(host.name)) for role, host in hosts.items()}
        with sampled_arguments(0.1) as arguments:
            report = self.run(journey.travel(hosts), 600)
        self.run(self.lab.border.change(GOOD_LINE))
        return Standing(report, journey.setup, hosts, frozenset(arguments), before)

    def take_down(self) -> None:
        """Remove what stands, if anything does."""
        if self._standing is None:
            return
        for host in self._standing.hosts.values():
            self.run(self.lab.remove(host.name))
        self.forget_names()
        self._standing = None

    def clone(self, release: str = "trixie", **how: Any) -> tuple[LabHost, Setup]:
        """A host with option 1 on it already, and the Setup for it."""
        deployed = self.deployed(release)
        assert deployed.report.ok, deployed.report.error
        host = self.fresh(lower=deployed.image, release=release, **how)
        # SSH answers long before the services are up.
        settled = ["systemctl", "is-system-running", "--wait"]
        self.run(self.lab.exec(host.name, settled, check=False))
        setup = self.setup_for(host)
        return host, setup.model_copy(update={"history": deployed.setup.history})


@pytest.fixture(scope="package")
def practice(runner: asyncio.Runner) -> Iterator[Practice]:
    async def start() -> Lab:
        return await Lab.start(make_ready(RELEASES), report=print, border=GOOD_LINE)

    lab = runner.run(start())
    try:
        yield Practice(runner, lab)
    finally:
        runner.run(lab.stop())


@pytest.fixture
def bad_line(practice: Practice) -> Iterator[None]:
    """The border as the options have to bear it, for the time of one test."""
    practice.run(practice.lab.border.change(BAD_LINE))
    yield
    practice.run(practice.lab.border.change(GOOD_LINE))


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


def command_line(folder: Path) -> Cli:
    """The real command line in processes of its own, with ``folder`` as data folder."""

    def call(*argv: str, env: dict[str, str] | None = None, timeout: float = 300) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "assistant", *argv],
            env={**os.environ, "XDG_DATA_HOME": str(folder), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line for one test."""
    return command_line(tmp_path / "data")


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Setup], Path]:
    """Writes a Setup as `--setup FILE` reads it."""

    def write(setup: Setup) -> Path:
        path = tmp_path / "setup.toml"
        path.write_text(dump_setup(setup), "utf-8")
        return path

    return write


def with_login(setup: Setup, **values: Any) -> Setup:
    """The Setup with another way to log in to its only host."""
    host: Host = setup.hosts[0]
    login: Login = host.login.model_copy(update=values)
    return setup.model_copy(update={"hosts": (host.model_copy(update={"login": login}),)})
