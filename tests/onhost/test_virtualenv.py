"""Environments: built whole from real wheels, never half, switched and switched back."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from assistant.onhost.contract import Completed, Kept
from assistant.onhost.handlers import virtualenv
from assistant.onhost.handlers.virtualenv import (
    VirtualenvHandler,
    damage,
    describe,
    missing_requirements,
    pip_failure,
    version_name,
)
from assistant.onhost.resources import ResourceError, Virtualenv
from assistant.onhost.system import space, wheels
from tests.support.onhost_stand_in import StandIn, fails

HANDLER = VirtualenvHandler()
PATH = "/opt/tool"
PASSWORD = "hunter22secret"


def wheel(folder: Path, version: str) -> None:
    """A wheel with one module, made by hand so that no index is needed."""
    info = f"tool_x-{version}.dist-info"
    files = {
        "tool_x.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tool-x\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{name},sha256={digest.decode()},{len(text.encode())}")
    rows.append(f"{info}/RECORD,,")
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"tool_x-{version}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "\n".join(rows) + "\n")


def wanted(tmp_path: Path, version: str) -> Virtualenv:
    conf = f"[global]\nno-index = true\nfind-links = {tmp_path}/wheels\n# {PASSWORD}\n"
    content = (tmp_path / f"wheels/tool_x-{version}-py3-none-any.whl").read_bytes()
    return Virtualenv(
        path=PATH,
        requirements=(f"tool-x=={version}",),
        lock=locked(content, version),
        pip_conf=conf,
    )


def locked(content: bytes, version: str) -> str:
    return f"tool-x=={version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"


def real(argv: tuple[str, ...], stdin: str) -> None:
    """Every command is run for real."""


def apply(resource: Virtualenv, machine: StandIn) -> dict[str, object]:
    done = HANDLER.apply(resource, HANDLER.inspect(resource, machine), machine)
    machine.forget_cache()
    assert done.receipt is not None
    return dict(done.receipt)


def test_install_upgrade_and_back(tmp_path: Path) -> None:
    for version in ("1.0", "2.0", "3.0"):
        wheel(tmp_path / "wheels", version)
    machine = StandIn(tmp_path / "host", real)
    one, two, three = (wanted(tmp_path, version) for version in ("1.0", "2.0", "3.0"))

    assert HANDLER.inspect(one, machine).action == "create"
    first = apply(one, machine)
    assert HANDLER.inspect(one, machine).action == "none"
    shown = machine.run([str(machine.file(f"{PATH}/current/bin/python")), "-c", "import tool_x"])
    assert shown.code == 0
    marker = machine.file(f"{PATH}/versions/{version_name(one)}/.complete")
    assert marker.exists()
    mode = machine.file(f"{PATH}/current/bin/python").lstat().st_mode
    assert mode & 0o005

    # The configuration of pip, which may hold a password, is in a private file while pip runs.
    pip = next(i for i, call in enumerate(machine.calls) if "download" in call)
    conf = machine.environments[pip]["PIP_CONFIG_FILE"]
    assert not Path(conf).exists()
    assert not any(PASSWORD in part for call in machine.calls for part in call)
    assert PASSWORD not in str(machine.events)

    calls = len(machine.calls)
    found = HANDLER.inspect(two, machine)
    assert (found.action, found.summary) == ("update", "tool-x 1.0 → 2.0")
    assert len(machine.calls) == calls  # an inspection runs nothing
    second = apply(two, machine)
    assert machine.file(f"{PATH}/versions/{version_name(one)}").exists()
    apply(three, machine)
    kept = {folder.name for folder in machine.file(f"{PATH}/versions").iterdir()}
    assert kept == {version_name(two), version_name(three)}

    assert isinstance(HANDLER.undo(second, machine), Kept)  # its former version is gone
    HANDLER.undo({"path": PATH, "previous": version_name(two), "version": "x"}, machine)
    assert HANDLER.inspect(two, machine).action == "none"
    calls = len(machine.calls)
    apply(three, machine)  # still complete: only the link moves
    assert len(machine.calls) == calls

    HANDLER.undo({**first, "version": version_name(three)}, machine)
    HANDLER.undo({**first, "version": version_name(two)}, machine)
    assert not machine.file(PATH).exists()


def test_a_folder_without_its_marker_is_built_again(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "1.0")
    machine = StandIn(tmp_path / "host", real)
    resource = wanted(tmp_path, "1.0")
    stale = machine.put(f"{PATH}/versions/{version_name(resource)}/lib/left-by-a-power-cut")
    machine.file(f"{PATH}/current").symlink_to(f"versions/{version_name(resource)}")
    assert HANDLER.inspect(resource, machine).action == "update"
    apply(resource, machine)
    assert not stale.exists()
    assert HANDLER.inspect(resource, machine).action == "none"


def test_the_environment_holds_no_pip_and_its_modules_are_compiled(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "1.0")
    machine = StandIn(tmp_path / "host", real)
    apply(wanted(tmp_path, "1.0"), machine)
    (packages,) = machine.file(f"{PATH}/current").glob("lib/python*/site-packages")
    assert {path.name for path in packages.iterdir()} == {
        "tool_x.py",
        "tool_x-1.0.dist-info",
        "__pycache__",
    }
    assert len(list(packages.glob("__pycache__/tool_x.*.pyc"))) == 1


def test_a_python_without_its_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.sysconfig, "get_config_var", lambda _: str(tmp_path))
    monkeypatch.setattr(wheels.sysconfig, "get_path", lambda _: str(tmp_path))
    machine = StandIn(tmp_path / "host", real)
    wheel(tmp_path / "wheels", "1.0")
    error = fails(lambda: apply(wanted(tmp_path, "1.0"), machine))
    assert error.cause == "unsupported"
    assert "python3-venv is missing" in error.text
    assert list(machine.file(f"{PATH}/versions").iterdir()) == []


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("SyntaxError: a module of Python 2", ""),
        ("[Errno 28] No space left on device", "disk-full"),
    ],
)
def test_what_cannot_be_compiled(tmp_path: Path, output: str, cause: str) -> None:
    wheel(tmp_path / "wheels", "1.0")

    def one_fails(argv: tuple[str, ...], stdin: str) -> Completed | None:
        return Completed(1, output) if "compileall" in argv else None

    machine = StandIn(tmp_path / "host", one_fails)
    if not cause:
        apply(wanted(tmp_path, "1.0"), machine)
        return
    error = fails(lambda: apply(wanted(tmp_path, "1.0"), machine))
    assert error.cause == cause
    assert not machine.file(f"{PATH}/current").exists()


def test_a_damaged_installation_never_goes_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path / "wheels", "1.0")
    machine = StandIn(tmp_path / "host", real)
    resource = wanted(tmp_path, "1.0")
    monkeypatch.setattr(virtualenv, "damage", lambda folder: ["tool_x.py"])
    error = fails(lambda: HANDLER.apply(resource, HANDLER.inspect(resource, machine), machine))
    assert (error.cause, error.tail) == ("validation", ("tool_x.py",))
    assert not machine.file(f"{PATH}/current").exists()
    assert list(machine.file(f"{PATH}/versions").iterdir()) == []
    assert HANDLER.inspect(resource, machine).action == "create"


def site(tmp_path: Path, text: str = "abc") -> Path:
    info = tmp_path / "Tool_X-1.0.dist-info"
    info.mkdir()
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"abc").digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(
        f"a.py,sha256={digest},3\n__pycache__/a.pyc,,\nTool_X-1.0.dist-info/RECORD,,\n"
    )
    (tmp_path / "a.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize(("text", "wrong"), [("abc", []), ("abd", ["a.py"]), ("abcd", ["a.py"])])
def test_record_is_compared(tmp_path: Path, text: str, wrong: list[str]) -> None:
    assert damage(site(tmp_path, text)) == wrong


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    (site(tmp_path) / "a.py").unlink()
    assert damage(tmp_path) == ["a.py"]


def test_a_requirement_that_pip_never_finished_is_missing(tmp_path: Path) -> None:
    site(tmp_path)
    assert missing_requirements(tmp_path, ["tool.x[extra]==1.0"]) == []
    assert missing_requirements(tmp_path, ["tool-x==1.1", "b==1"]) == ["tool-x==1.1", "b==1"]


def test_describe() -> None:
    assert describe(["a==1", "b==1"], ["a==2", "c==1"]) == "a 1 → 2, c 1 new, b removed"
    assert describe(["a==1"], ["a==1"]) == ""


def test_the_digest_is_that_of_the_lock() -> None:
    lock = f"a==1 \\\n    --hash=sha256:{'0' * 64}\n"
    one = Virtualenv(path="/a", requirements=("a==1",), lock=lock)
    two = Virtualenv(path="/b", requirements=("a==1",), lock=lock, pip_conf="[global]")
    newer = Virtualenv(path="/a", requirements=("a==1",), lock=lock.replace("0" * 64, "1" * 64))
    assert version_name(one) == version_name(two) != version_name(newer)
    assert len(version_name(one)) == 12


@pytest.mark.parametrize("line", ["--index-url=x", "a==1", "a", "-r /etc/passwd", "-e ."])
def test_a_lock_holds_nothing_but_hashes(line: str) -> None:
    with pytest.raises(ResourceError, match="not a locked wheel"):
        Virtualenv(path="/a", requirements=(), lock=f"{line}\n")


@pytest.mark.parametrize("kind", ["altered", "newer", "renamed"])
def test_another_file_than_the_locked_one_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "wheels"
    wheel(folder, "1.0")
    resource = wanted(tmp_path, "1.0")
    (folder / "tool_x-1.0-py3-none-any.whl").unlink()
    wheel(folder, "2.0")
    if kind != "newer":
        version = "1.0" if kind == "renamed" else "1.0.post1"
        (folder / "tool_x-2.0-py3-none-any.whl").rename(
            folder / f"tool_x-{version}-py3-none-any.whl"
        )
    if kind == "altered":
        wheel(folder, "1.0")
        with zipfile.ZipFile(folder / "tool_x-1.0-py3-none-any.whl", "a") as archive:
            archive.writestr("canary.pth", "import os")
    machine = StandIn(tmp_path / "host", real)
    error = fails(lambda: apply(resource, machine))
    assert error.cause == ("mirror" if kind == "newer" else "altered")
    words = "nothing ready-made for tool-x==1.0" if kind == "newer" else "Nothing of it was run"
    assert words in error.text
    assert list(machine.file(f"{PATH}/versions").iterdir()) == []
    # Nothing was installed, so nothing could be run.
    assert not any("install" in call or "compileall" in call for call in machine.calls)


def test_what_is_fetched_and_compiled_is_by_an_account_without_rights(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "1.0")
    machine = StandIn(tmp_path / "host", real)
    apply(wanted(tmp_path, "1.0"), machine)
    weak = [call for call in machine.calls if "download" in call or "compileall" in call]
    assert [call[:3] for call in weak] == [("setpriv", "--no-new-privs", "--")] * 2
    users = dict(zip(machine.calls, machine.users, strict=True))
    assert all(int(users[call]) == wheels.account() for call in weak)
    assert all({"-I", "--require-hashes", "--isolated"} <= set(call) for call in machine.calls
               if "-r" in call)  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another account")
def test_the_account_is_nobody_elses() -> None:
    first = wheels.account()
    with pytest.raises(KeyError):
        pwd.getpwuid(first)
    process = subprocess.Popen(["sleep", "60"], user=first)
    assert wheels.account() == first + 1
    process.kill()
    process.wait()


def test_room_for_synapse_is_600_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ("matrix-synapse==1.163.2", "psycopg2-binary==2.9.13")
    resource = Virtualenv(path=PATH, requirements=requirements, lock="")
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: SimpleNamespace(free=500_000_000))
    machine = StandIn(tmp_path, lambda argv, stdin: Completed(1, "must not be called"))
    error = fails(lambda: HANDLER.apply(resource, HANDLER.inspect(resource, machine), machine))
    assert error.cause == "disk-full"
    assert "needs 640 MB" in error.text
    assert machine.calls == []


@pytest.mark.parametrize(
    ("output", "cause", "words"),
    [
        ("ERROR: No matching distribution found for x==1", "mirror", "nothing ready-made for x==1"),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by "
            "'NewConnectionError'\nERROR: No matching distribution found for x==1",
            "mirror",
            "could not be reached",
        ),
        ("Temporary failure in name resolution", "name-resolution", "cannot resolve"),
        ("OSError: [Errno 28] No space left on device", "disk-full", "full"),
        ("SSLError: certificate is not yet valid", "clock", "clock"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "altered", "another"),
        ("ReadTimeoutError: Read timed out.", "mirror", "broke off"),
        ("Traceback", "command", "could not install"),
    ],
)
def test_causes(output: str, cause: str, words: str) -> None:
    error = pip_failure(output, "x==1")
    assert error.cause == cause
    assert words in error.text
