"""The command line speaks the language of the locale; what programs read stays English."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from assistant.cli import main
from assistant.cli.output import Output
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Remedy, Status
from assistant.operations.apply import HostPreview
from assistant.operations.follow import HostResult, Progress
from assistant.text import Message, msg

HAN = re.compile("[\u4e00-\u9fff]")
ANSWERS = '[answers]\npeople = "mostly_inside"\nfiling = "could"\nmainland_server = "yes"\n'


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATRIX_ASSISTANT_LANGUAGE", "zh")


@pytest.fixture
def answers(tmp_path: Path) -> str:
    path = tmp_path / "answers.toml"
    path.write_text(ANSWERS, "utf-8")
    return str(path)


@pytest.mark.usefixtures("chinese")
def test_the_advice_is_told_in_chinese(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", "--answers", answers]) == 0
    said = capsys.readouterr().out
    assert "方案 1：境外一台服务器" in said
    lines = [line for line in said.splitlines() if line and not HAN.search(line)]
    assert lines == []


@pytest.mark.usefixtures("chinese")
def test_the_questions_are_told_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", "--questions"]) == 0
    said = capsys.readouterr().out
    assert "people：要互相联系的人都在哪里？" in said
    assert "（可以用列表写多个）" in said


def test_json_is_the_same_in_both_languages(
    answers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for language in ("en", "zh"):
        monkeypatch.setenv("MATRIX_ASSISTANT_LANGUAGE", language)
        assert main(["recommend", "--answers", answers, "--json"]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert "Rent" in json.dumps(json.loads(found[0]))


@pytest.mark.usefixtures("chinese")
def test_errors_are_told_in_chinese_and_english_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(tmp_path / "gone.toml")
    assert main(["recommend", "--answers", gone, "--json"]) == 2
    told = capsys.readouterr()
    assert f"没有 {gone} 这个文件" in told.err
    assert json.loads(told.out)["error"]["text"].startswith("There is no file")


def _finding(status: Status) -> Finding:
    return Finding(
        check="ports",
        subject="outside 443",
        vantage=THIS_COMPUTER,
        status=status,
        confidence=Confidence.CERTAIN,
        summary=msg("{host} is installing something right now.", host="outside"),
        remedy=Remedy(who=Mender.YOU, text=msg("Log in as root, or as a user who may use sudo.")),
    )


def test_findings_line_up_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.cells import cell_len

    out = Output(language="zh")
    for status in (Status.OK, Status.SKIPPED, Status.FAILED):
        out.finding(_finding(status))
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("✓ 正常      outside 正在安装软件。")
    starts = {cell_len(line.split("outside")[0]) for line in said if "outside" in line}
    assert len(starts) == 1
    assert said[-1].strip() == "→ 请以 root 登录，或者用可以使用 sudo 的用户。"


def test_what_the_host_says_is_told_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(language="zh")
    state = {"id": "x", "action": "create", "title": "Web server", "summary": "install nginx"}
    state |= {"template": "install {names}", "values": {"names": "nginx"}}
    out.preview(HostPreview("outside", 5, (state,)), diffs=False)
    out.progress(
        Progress("outside", {"event": "changed", "id": "x", "title": "Firewall", "seconds": 2})
    )
    out.result(_result(ok=True, changed=3))
    out.result(_result(ok=False, said="There was no run on this host yet."))
    told = capsys.readouterr()
    assert "新建      网页服务器 — 安装 nginx" in told.out
    assert "✓ outside：完成，改动了 3 项（12.3 秒）" in told.out
    assert "✗ outside: 这台主机上还没有运行过。" in told.out
    assert "✓ outside: 防火墙 (2.0 s)" in told.err


def _result(*, ok: bool, changed: int = 0, said: str = "") -> HostResult:
    return HostResult(
        host="outside",
        run="r1",
        ok=ok,
        seconds=12.34,
        changed=changed,
        stopped=False,
        failed="" if ok else "x",
        cause="" if ok else "disk-full",
        said=Message(said),
        tail=(),
        changes=(),
        kept=(),
    )
