"""A Python index that gives other files than those that were released: nothing of them is run."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from assistant.operations.follow import HostResult
from assistant.rehearsal.lab import LabHost
from assistant.setup.model import Setup
from tests.lab.conftest import RELEASES, Practice
from tests.lab.support.faulty_mirror import altered_mirror
from tests.lab.support.stocked import applied_as

CERTBOT = "/opt/matrix-assistant/certbot"
CANARY = "import os; open(f'/var/tmp/canary-{os.getuid()}', 'w').close()\n"


def canary_wheel(name: str, version: str) -> bytes:
    """A wheel whose .pth leaves a file behind whenever a Python starts that finds it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.pth": CANARY,
        f"{name}.py": "VALUE = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text)}")
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return kept.getvalue()


@pytest.fixture(scope="module", params=RELEASES)
def server(practice: Practice, request: pytest.FixtureRequest) -> Iterator[tuple[LabHost, Setup]]:
    """A deployed server that lost its certbot."""
    host, setup = practice.clone(request.param)
    practice.run(practice.lab.exec(host.name, ["rm", "-r", CERTBOT]))
    yield host, setup
    practice.remove(host)


def alter(kind: str, path: str, content: bytes) -> bytes:
    """What the index gives in place of ``content``; only the package acme is touched."""
    if not path.startswith("/simple/acme/"):
        return content
    if not path.endswith(".whl"):
        content = re.sub(rb"#sha256=[0-9a-f]+", b"", content)
        return (
            re.sub(rb"acme-[0-9.]+-py3", b"acme-99.0-py3", content) if kind == "newer" else content
        )
    if kind == "renamed":
        return canary_wheel("acme", "99.0")
    changed = io.BytesIO(content)
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("canary.pth", CANARY)
    return changed.getvalue()


def installed(practice: Practice, setup: Setup, kind: str) -> HostResult:
    """Apply certbot's environment alone, from an index that is altered."""

    def only(value: dict[str, Any], conf: str) -> dict[str, Any] | None:
        return {**value, "pip_conf": conf} if value.get("path") == CERTBOT else None

    async def work() -> HostResult:
        async with altered_mirror(practice.lab, lambda path, c: alter(kind, path, c)) as url:
            address = url.removeprefix("http://").partition(":")[0]
            conf = f"[global]\nindex-url = {url}/simple\ntrusted-host = {address}\nretries = 0\n"
            return await applied_as(setup, lambda value: only(value, conf))

    return practice.run(work())


def canaries(practice: Practice, host: LabHost) -> list[str]:
    return [path.name for path in practice.lab.root_of(host.name).glob("var/tmp/canary-*")]


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        ("altered", "altered", "Nothing of it was run"),
        ("renamed", "altered", "Nothing of it was run"),
        ("newer", "mirror", "nothing ready-made for acme=="),
    ],
)
def test_another_wheel_than_the_locked_one_is_refused(
    practice: Practice, server: tuple[LabHost, Setup], kind: str, cause: str, words: str
) -> None:
    host, setup = server
    result = installed(practice, setup, kind)
    assert not result.ok
    assert (result.cause, words in result.text) == (cause, True), result
    assert canaries(practice, host) == []
    left = practice.lab.root_of(host.name) / CERTBOT[1:]
    assert not (left / "current").exists()
    assert list(left.glob("versions/*")) == []


def test_nothing_of_a_locked_wheel_is_run_either(
    practice: Practice, server: tuple[LabHost, Setup]
) -> None:
    host, setup = server
    wheel = canary_wheel("acme", "99.0")
    text = f"acme==99.0 \\\n    --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n"
    asked: dict[str, Any] = {"requirements": ["acme==99.0"], "lock": text}

    def only(value: dict[str, Any], conf: str) -> dict[str, Any] | None:
        changed = {**value, **asked, "pip_conf": conf}
        return changed if value.get("path") == CERTBOT else None

    def serve(path: str, content: bytes) -> bytes:
        if path == "/simple/acme/":
            return alter("newer", path, content)
        return wheel if path.startswith("/simple/acme/") else content

    folder = practice.lab.workdir / "mirror/simple/acme"
    named = folder / "acme-99.0-py3-none-any.whl"
    named.touch()

    async def work() -> HostResult:
        async with altered_mirror(practice.lab, serve) as url:
            address = url.removeprefix("http://").partition(":")[0]
            conf = f"[global]\nindex-url = {url}/simple\ntrusted-host = {address}\n"
            return await applied_as(setup, lambda value: only(value, conf))

    try:
        result = practice.run(work())
    finally:
        named.unlink()
    assert result.ok, result
    assert canaries(practice, host) == []
    compiled = practice.lab.root_of(host.name).glob(
        f"{CERTBOT[1:]}/versions/*/lib/python3*/site-packages/__pycache__/acme.*.pyc"
    )
    owners = {path.stat().st_uid for path in compiled}
    assert owners == {0}
    # It is there, and would have been seen.
    practice.run(practice.lab.exec(host.name, [f"{CERTBOT}/current/bin/python", "-c", "pass"]))
    assert canaries(practice, host) == ["canary-0"]
