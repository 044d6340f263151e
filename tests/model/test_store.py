"""Saved setups: what is written is read again, and nothing that happens to the files loses it."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from assistant.answers import Answers
from assistant.common.errors import StoreError
from assistant.findings.model import Confidence, Finding, Mender, Remedy, Status
from assistant.setup.file_format import (
    DamagedError,
    NewerError,
    dump_record,
    dump_setup,
    parse_record,
    parse_setup,
)
from assistant.setup.history import with_history
from assistant.setup.model import (
    DnsUpdate,
    HistoryEntry,
    Host,
    Login,
    Mirror,
    Role,
    Settings,
    Setup,
)
from assistant.setup.store import (
    create_setup,
    list_setups,
    open_setup,
    read_setup,
    record_path,
    setup_path,
)
from assistant.setup.updates import with_answers, with_findings
from assistant.text import msg, render

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


def example(name: str = "family") -> Setup:
    """A setup that uses every kind of field."""
    setup = Setup(
        name=name,
        created=NOW,
        answers=Answers.model_validate({"people": "both", "phones": ["ios_foreign"]}),
        option=2,
        outside_name="outside.example.net",
        acknowledged="“yes” = # ja",
        server_name="chat.example.org",
        access_name="im.example.org",
        hosts=(
            Host(
                name="in",
                role=Role.INSIDE,
                login=Login(address="241.0.1.2", user="debian", host_key="ssh-ed25519 AAAA"),
                jump=Login(address="jump.example.org", port=2222),
                public_ipv4="241.0.1.2",
                keep_ports=(8080, 9090),
            ),
            Host(name="out", role=Role.OUTSIDE, login=Login(address="3fff:0:2::2")),
        ),
        settings=Settings(
            mirror=Mirror(uri="http://mirror.example/debian", signing_key="-----\nä\t\\\"'''\n"),
            dns_update=DnsUpdate(server="241.0.0.53", key_name="acme."),
            challenge="dns-01",
        ),
    )
    setup = with_findings(
        setup,
        (
            Finding(
                check="tls",
                subject="chat.example.org",
                vantage="this computer",
                status=Status.WARNING,
                cause="expires",
                summary=msg("The certificate ends in {days} days", days=12),
                evidence=("notAfter=…", 'x="y"'),
                remedy=Remedy(who=Mender.YOU, text=msg("Renew it")),
                confidence=Confidence.HIGH,
            ),
        ),
        NOW,
    )
    return with_history(setup, HistoryEntry(at=NOW, what="checked", host="in", detail="1 ä\n2"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    with create_setup(example(), folder=tmp_path) as handle:
        return handle.path


def test_what_is_saved_is_read_again(saved: Path) -> None:
    loaded = read_setup(saved)
    assert loaded.setup == example()
    assert loaded.notices == ()
    assert loaded.setup.inputs == example().inputs
    assert loaded.setup.current_findings == example().current_findings != ()
    with open_setup("family", folder=saved.parent) as handle:
        assert handle.setup == example()
        changed = with_answers(handle.setup, Answers())
        handle.save(changed)
        assert handle.setup == changed
    assert read_setup(saved).setup == changed
    with pytest.raises(StoreError) as caught:
        handle.save(changed)
    assert caught.value.cause == "closed"


def test_the_file_is_readable_and_may_be_edited(saved: Path) -> None:
    text = saved.read_text("utf-8")
    assert 'server_name = "chat.example.org"' in text
    assert "[answers]" in text
    assert text.count("[[hosts]]") == 2
    assert "findings" not in text
    for newline in ("\n", "\r\n"):
        edited = text.replace('user = "debian"', 'user = "ubuntu"').replace("\n", newline)
        saved.write_bytes(edited.encode())
        loaded = read_setup(saved)
        assert loaded.setup.host(Role.INSIDE).login.user == "ubuntu"
        (notice,) = loaded.notices
        assert "changed outside this program" in render(notice)
        assert loaded.setup.current_findings == ()  # other inputs: old findings do not count
        assert loaded.setup.history == example().history
    saved.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_setup(saved).notices == ()  # an editor's line ends and byte order mark are no edit


def test_files_are_private(saved: Path) -> None:
    assert {path.name for path in saved.parent.iterdir()} == {
        "family.toml",
        "family.toml.bak",
        "family.toml.lock",
        "family.history.json",
        "family.history.json.bak",
    }
    if os.name == "posix":
        for path in saved.parent.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def _fields(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[str]:
    if model in seen:
        return set()
    seen.add(model)
    names = set(model.model_fields)
    for text in (json.dumps(model.model_json_schema()),):
        names |= set(re.findall(r'"([a-z_0-9]+)": \{', text))
    return names


def test_no_field_of_a_setup_could_hold_a_secret(saved: Path) -> None:
    names = _fields(Setup, set())
    assert "host_key" in names
    assert "key_file" in names
    suspicious = re.compile(r"pass(word|phrase|wd)|secret|token|private(?!_resolver$)|credential")
    assert not [name for name in names if suspicious.search(name)]
    canary = "kanarienvogel-4711"
    text = saved.read_text("utf-8")
    saved.write_text(text.replace('user = "debian"', f'user = "debian"\npassword = "{canary}"'))
    with open_setup(saved) as handle:
        said = " ".join(render(notice) for notice in handle.notices)
        handle.save(handle.setup)
    assert "secrets do not belong" in said
    assert canary not in said
    for path in saved.parent.iterdir():
        if ".damaged-" not in path.name:
            assert canary.encode() not in path.read_bytes(), path.name


def test_cut_off_at_every_length_the_backup_is_used(saved: Path) -> None:
    raw = saved.read_bytes()
    whole = len(raw.rstrip(b"\n"))
    for length in range(whole):
        saved.write_bytes(raw[:length])
        loaded = read_setup(saved)
        assert loaded.setup == example(), length
        assert "backup" in render(loaded.notices[-1])
    for length in range(whole, len(raw) + 1):
        saved.write_bytes(raw[:length])
        assert read_setup(saved).notices == ()


def test_a_record_cut_off_at_every_length_never_costs_the_setup(saved: Path) -> None:
    record = record_path(saved)
    raw = record.read_bytes()
    for length in range(0, len(raw.rstrip()), 7):
        record.write_bytes(raw[:length])
        loaded = read_setup(saved)
        assert loaded.setup == example(), length
        assert "Its backup is used" in render(loaded.notices[0])
    (record.parent / (record.name + ".bak")).write_bytes(raw[:40])
    loaded = read_setup(saved)
    assert loaded.setup == example().model_copy(update={"findings": None, "history": ()})
    assert "checks must run again" in render(loaded.notices[0])


def test_flipped_bits_give_the_setup_or_say_so(saved: Path) -> None:
    dice = random.Random(11)  # noqa: S311 - to repeat the same test
    record = record_path(saved)
    good, beside = saved.read_bytes(), record.read_bytes()
    told = 0
    for _ in range(600):
        raw = bytearray(good)
        for _ in range(dice.choice((1, 1, 1, 2, 8))):
            place = dice.randrange(len(raw))
            raw[place] ^= 1 << dice.randrange(8)
        saved.write_bytes(raw)
        loaded = read_setup(saved)
        if loaded.setup != example() or bytes(raw) != good:
            told += bool(loaded.notices)
        if loaded.setup != example():
            assert "changed outside" in render(loaded.notices[0])
    assert told > 550
    saved.write_bytes(good)
    for _ in range(200):
        raw = bytearray(beside)
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        record.write_bytes(raw)
        assert read_setup(saved).setup == example()


def test_a_damaged_file_is_kept_aside_and_the_backup_takes_its_place(saved: Path) -> None:
    broken = saved.read_bytes()[:100]
    saved.write_bytes(broken)
    with open_setup(saved) as handle:
        assert handle.setup == example()
        said = " ".join(render(notice) for notice in handle.notices)
    (aside,) = saved.parent.glob("family.toml.damaged-*")
    assert aside.read_bytes() == broken
    assert aside.name in said
    assert "cut off" in said
    assert read_setup(saved).notices == ()
    saved.unlink()
    with open_setup("family", folder=saved.parent) as handle:
        assert handle.setup == example()
        assert "is gone" in render(handle.notices[0])
    assert saved.exists()


def test_damaged_without_a_backup_changes_nothing(saved: Path) -> None:
    saved.write_bytes(b"\x00\xff\xfe")
    (saved.parent / "family.toml.bak").write_bytes(b"nonsense")
    before = {path: path.read_bytes() for path in saved.parent.iterdir()}
    for attempt in (read_setup, lambda path: open_setup(path).__enter__()):
        with pytest.raises(StoreError) as caught:
            attempt(saved)
        assert caught.value.cause == "damaged"
        assert "Nothing was changed" in str(caught.value)
    assert {path: path.read_bytes() for path in saved.parent.iterdir()} == before


def _as_version(setup: Setup, version: int) -> str:
    """The file of a program that knows another format, with the right checksum."""
    import assistant.setup.file_format as module

    body = dump_setup(setup).rpartition("# end")[0]
    body = body.replace("version = 1", f'version = {version}\nfuture = "x"')
    return f"{body}# end of the setup, checksum {module._checksum(body)}\n"


def test_from_a_newer_program_nothing_is_touched(saved: Path) -> None:
    saved.write_text(_as_version(example(), 7), "utf-8")
    before = {path: path.read_bytes() for path in saved.parent.iterdir()}
    with pytest.raises(StoreError) as caught, open_setup(saved):
        pass
    assert caught.value.cause == "newer"
    assert "format 7" in str(caught.value)
    assert "Update the program" in str(caught.value)
    assert {path: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_a_flipped_version_is_damage_not_the_future(saved: Path) -> None:
    saved.write_text(saved.read_text("utf-8").replace("version = 1", "version = 9"), "utf-8")
    assert read_setup(saved).setup == example()


def test_older_formats_are_migrated_step_by_step() -> None:
    text = _as_version(example(), 0)

    def zero_to_one(data: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in data.items() if key != "future"}

    parsed = parse_setup(text, "x.toml", migrations={0: zero_to_one})
    assert parsed.version == 0
    assert parsed.setup == example().model_copy(update={"findings": None, "history": ()})
    with pytest.raises(DamagedError, match="never was a format 0"):
        parse_setup(text, "x.toml")
    with pytest.raises(NewerError):
        parse_setup(dump_setup(example()), "x.toml", version=0)


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_failed_save_leaves_the_last_state(
    saved: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, nth: int
) -> None:
    real = getattr(os, call)
    calls = 0

    def broken(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        if call != "fsync" and "family." not in str(args[0]):
            return real(*args, **kwargs)  # the folder, not a file
        calls += 1
        if calls >= nth:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    with open_setup(saved) as handle:
        monkeypatch.setattr(os, call, broken)
        with pytest.raises(StoreError) as caught:
            handle.save(with_answers(handle.setup, Answers()))
        monkeypatch.undo()
        assert handle.setup == example()
    assert caught.value.cause == ("disk-full" if number == errno.ENOSPC else "unwritable")
    assert "last saved state is still there" in str(caught.value)
    assert read_setup(saved).setup.answers == example().answers
    assert not list(saved.parent.glob(".*tmp"))


def test_a_failed_backup_does_not_fail_the_save(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def broken(source: Path, target: Path) -> None:
        if str(target).endswith(".bak"):
            raise OSError(errno.ENOSPC, "full")
        real(source, target)

    changed = with_answers(example(), Answers())
    monkeypatch.setattr(os, "replace", broken)
    with open_setup(saved) as handle:
        handle.save(changed)
    monkeypatch.undo()
    assert read_setup(saved).setup == changed
    saved.write_text("gone")
    assert read_setup(saved).setup.answers == example().answers  # the older backup is still good


def test_what_a_killed_program_left_is_swept(saved: Path) -> None:
    left = saved.parent / ".family.toml.0123456789ab.tmp"
    other = saved.parent / ".other.toml.0123456789ab.tmp"
    for path in (left, other):
        path.write_text("half")
    with open_setup(saved):
        assert not left.exists()
    assert other.exists()


def test_an_unreadable_state_never_replaces_a_good_one(saved: Path) -> None:
    with open_setup(saved) as handle:
        with pytest.raises(StoreError) as caught:
            handle.save(handle.setup.model_copy(update={"server_name": "not a domain"}))
        assert caught.value.cause == "unsavable"
        assert handle.setup == example()
    assert read_setup(saved).setup == example()


def test_two_programs_cannot_have_it_open(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from assistant.setup.store import open_setup\n"
        "from assistant.common.errors import StoreError\n"
        "try:\n"
        "    with open_setup(Path(sys.argv[1])): print('opened')\n"
        "except StoreError as error: print(error.cause)\n"
    )
    command = [sys.executable, "-c", code, str(saved)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def other_program() -> str:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()

    with open_setup(saved):
        assert other_program() == "open-elsewhere"
        with pytest.raises(StoreError, match="Another matrix-assistant"), open_setup(saved):
            pass
        assert read_setup(saved).setup == example()  # looking is always possible
    assert other_program() == "opened"


def test_there_is_one_setup_of_a_name(saved: Path) -> None:
    before = saved.read_bytes()
    with (
        pytest.raises(StoreError) as caught,
        create_setup(with_answers(example(), Answers()), folder=saved.parent),
    ):
        pass
    assert caught.value.cause == "exists"
    assert saved.read_bytes() == before


def test_lists_and_names(saved: Path, tmp_path: Path) -> None:
    with create_setup(example("work"), folder=tmp_path):
        pass
    (tmp_path / "broken.toml").write_text("x")
    found = list_setups(tmp_path)
    assert [item.name for item in found] == ["broken", "family", "work"]
    assert [item.setup is None for item in found] == [True, False, False]
    assert found[0].problem is not None
    assert list_setups(tmp_path / "nowhere") == ()
    for missing in ("absent", tmp_path / "absent.toml", tmp_path / "no" / "where.toml"):
        with pytest.raises(StoreError) as caught, open_setup(missing, folder=tmp_path):
            pass
        assert caught.value.cause == "none"
    assert not (tmp_path / "no").exists()


def test_any_path_will_do_and_links_are_followed(tmp_path: Path) -> None:
    real = tmp_path / "files" / "mine.setup"
    with create_setup(example(), path=real):
        pass
    link = tmp_path / "link.toml"
    try:
        link.symlink_to(real)
    except OSError:
        pytest.skip("this system allows no links")
    changed = with_answers(example(), Answers())
    with open_setup(link) as handle:
        handle.save(changed)
    assert link.is_symlink()
    assert read_setup(real).setup == changed
    assert record_path(real).name == "mine.setup.history.json"
    assert setup_path("family", tmp_path) == tmp_path / "family.toml"
    with pytest.raises(StoreError):
        read_setup(tmp_path)  # a folder


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_survives(key: str, detail: str) -> None:
    setup = example()
    mirror = Mirror(uri="http://x/y", signing_key=key, pip_conf=detail)
    setup = setup.model_copy(
        update={"settings": setup.settings.model_copy(update={"mirror": mirror})}
    )
    setup = with_history(setup, HistoryEntry(at=NOW, what="applied", detail=detail))
    parsed = parse_setup(dump_setup(setup), "x.toml")
    record = parse_record(dump_record(setup), "x.json")
    assert not parsed.edited
    assert (
        parsed.setup.model_copy(update={"findings": record.findings, "history": record.history})
        == setup
    )
