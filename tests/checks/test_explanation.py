"""One fault is one finding at the top, and nobody is surer than the evidence allows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import checks
from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Status
from assistant.text import msg
from checks.causes import CAUSES, READ, conclude
from checks.explanation import RELATIONS, fold
from checks.network.line import judge_loss
from checks.verdict import with_consequences
from tests.support.checks_values import measured

SIX = "2001:db8::9"
FOUR = "203.0.113.9"


def found(line: str) -> Finding:
    """``check | subject | vantage | status | cause``."""
    check, subject, vantage, status, cause = (part.strip() for part in line.split("|"))
    return conclude(check, subject, vantage, Status(status), cause, msg("x"),
                    confidence=Confidence.MEDIUM)  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "top"),
    [
        (  # The border drops one port.
            f"""ports-after | inside tcp/443 {FOUR} | outside | failed | port-closed
            ports-after | inside tcp/443 {SIX} | outside | failed | port-closed
            tls | inside chat.example.cn {FOUR} | outside | skipped | earlier-problem
            tls | inside chat.example.cn {SIX} | outside | unknown | tls-no-answer
            matrix | inside versions | outside | failed | matrix-no-answer""",
            ["port-closed"],
        ),
        (  # nginx is down: seen from two places in two families.
            f"""ports-after | outside tcp/80 {FOUR} | here | failed | service-not-listening
            ports-after | outside tcp/443 {FOUR} | here | failed | service-not-listening
            ports-after | outside tcp/443 {SIX} | home | failed | service-not-listening
            tls | outside | here | skipped | earlier-problem""",
            ["service-not-listening"],
        ),
        (  # A filter on the name: the questions to the server fail because of it.
            f"""tls | outside chat.example.org {FOUR} | here | failed | name-filtered
            tls | outside chat.example.org {SIX} | here | failed | name-filtered
            tls | outside spare.example.net {FOUR} | here | unknown | undecided
            matrix | outside versions | here | failed | matrix-no-answer""",
            ["name-filtered", "undecided"],
        ),
        (  # Two faults that have nothing to do with one another stay two.
            f"""host | outside disk | outside | failed | disk-too-low
            ports-after | inside tcp/443 {FOUR} | here | failed | port-closed
            matrix | inside versions | here | failed | matrix-no-answer""",
            ["disk-too-low", "port-closed"],
        ),
        (  # What is shut for one place says nothing about another.
            f"""ports-after | inside tcp/443 {FOUR} | outside | failed | port-closed
            matrix | inside versions | here | failed | matrix-no-answer""",
            ["port-closed", "matrix-no-answer"],
        ),
        (  # A redial.
            """dns | a.example A | here | failed | dyndns-stale
            dns | b.example A | here | failed | dyndns-stale
            dns | a.example system resolver | inside | warning | resolver-differs""",
            ["dyndns-stale"],
        ),
        (  # A proxy at this place makes everything it saw worthless.
            f"""ports-after | here proxy | here | warning | vantage-proxied
            tls | inside chat.example.cn {FOUR} | here | failed | tls-intercepted
            matrix | inside versions | here | failed | matrix-no-answer
            tls | inside chat.example.cn {FOUR} | outside | failed | name-filtered""",
            ["vantage-proxied", "name-filtered"],
        ),
        (
            f"""line | outside line | here | warning | congestion
            ports-after | outside tcp/443 {FOUR} | here | warning | packets-lost
            matrix | outside login | here | unknown | matrix-no-answer""",
            ["congestion"],
        ),
    ],
)  # fmt: skip
def test_what_stands_at_the_top(lines: str, top: list[str]) -> None:
    folded = fold(found(line) for line in lines.splitlines())
    roots = [root.cause for root, _ in with_consequences(folded)]
    assert sorted(roots) == sorted(top)
    shown = sum(1 + len(rest) for _, rest in with_consequences(folded))
    assert shown == len(folded)


lines = st.builds(
    lambda check, host, where, status, cause: found(f"{check}|{host}|{where}|{status}|{cause}"),
    st.sampled_from(["ports-after", "tls", "matrix", "dns", "line"]),
    st.sampled_from([f"a tcp/443 {FOUR}", f"a n {SIX}", "a versions", "b n", "b"]),
    st.sampled_from([THIS_COMPUTER, "a", "b"]),
    st.sampled_from(["failed", "warning", "unknown", "skipped"]),
    st.sampled_from(sorted(CAUSES)),
)


@given(st.lists(lines, max_size=12, unique_by=lambda item: item.key))
def test_folding_loses_nothing_and_never_ends_in_a_circle(items: list[Finding]) -> None:
    folded = fold(items)
    assert [item.key for item in folded] == [item.key for item in items]
    by_key = {item.key: item for item in folded}
    for item in folded:
        assert item.because is None or by_key[item.because].because is None
    assert not items or any(item.because is None for item in folded)
    assert fold(folded) == folded


def test_relations_name_causes() -> None:
    known = set(CAUSES)
    # Read by checks of the host, which may not all be there.
    later = {"service-down", "database-down", "disk-full", "db-read-only", "config-drift",
             "host-firewall"}  # fmt: skip
    for relation in RELATIONS:
        assert (relation.causes | relation.effects) <= known | later


@pytest.mark.parametrize("cause", sorted(set(CAUSES) - READ))
def test_nothing_concluded_is_certain(cause: str) -> None:
    with pytest.raises(ValueError, match="cannot be certain"):
        conclude("c", "s", "v", Status.FAILED, cause, msg("x"), confidence=Confidence.CERTAIN)


def test_no_rule_leaves_out_how_sure_it_is() -> None:
    folder = Path(checks.__file__).parent
    calls = 0
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                defaults = [*node.args.defaults, *node.args.kw_defaults]
                texts = [ast.unparse(item) for item in defaults if item is not None]
                assert not any(text.startswith("Confidence") for text in texts), path
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "conclude":
                calls += 1
                assert any(key.arg == "confidence" for key in node.keywords), (path, node.lineno)
    assert calls > 40


@pytest.mark.parametrize(
    ("sent", "again", "cause"),
    [(39, 20, []), (100, 0, [""]), (100, 6, [""]), (100, 19, ["congestion"]),
     (60, 20, ["congestion"])],
)  # fmt: skip
def test_a_line_that_loses_much_is_named(sent: int, again: int, cause: list[str]) -> None:
    item = measured(address=FOUR, connected=True, sent=sent, again=again)
    assert [f.cause for f in judge_loss("outside", THIS_COMPUTER, [item])] == cause
