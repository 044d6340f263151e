"""What a series of tries allows to conclude: tables, and properties over thousands of worlds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.findings.model import Measurement
from checks.evidence import (
    Doubt,
    Series,
    Trial,
    Verdict,
    blocked,
    loss_explains,
    loss_share,
    passed,
    reach,
    trial,
    was_cut,
)

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ok": ("", {"connected": True}),
    "alert": ("tls-handshake", {"connected": True, "alert": True}),
    "untrusted": ("tls-verify", {"connected": True}),
    "garbage": ("tls-handshake", {"connected": True}),
    "reset": ("reset", {"connected": True}),
    "closed": ("closed", {"connected": True}),
    "hang": ("timeout", {"connected": True}),
    "nothing": ("timeout", {"connected": False}),
    "early-reset": ("reset", {"connected": False}),
    "refused": ("refused", {"connected": False}),
    "unreachable": ("unreachable", {"connected": False}),
}
"""What can come of a try, by a name for it."""


def tries(*kinds: str) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(vantage="v", probe="p", kind="tls", ok=not error, error=error, data=data)
        for error, data in (KINDS[kind] for kind in kinds)
    )


def series(real: str, control: str = "alert alert ok", again: str = "alert alert",
           witness: str = "ok", brief: str = "reset", **more: Any) -> Series:  # fmt: skip
    return Series(
        real=tries(*real.split()),
        control=tries(*control.split()),
        again=tries(*again.split()),
        witness=tries(*witness.split()),
        brief=tries(*brief.split()),
        **more,
    )


CUT = Trial(Verdict.CUT)
CUT_RESIDUAL = Trial(Verdict.CUT, residual=True)


def doubt(reason: Doubt) -> Trial:
    return Trial(Verdict.UNDECIDED, reason)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (series("ok ok ok"), Trial(Verdict.PASSES)),
        (series("untrusted alert ok"), Trial(Verdict.PASSES)),
        (series(""), Trial(Verdict.NOT_TRIED)),
        (series("reset reset reset"), CUT),
        (series("reset reset reset", again="reset reset"), CUT_RESIDUAL),
        (series("reset nothing nothing", again="nothing nothing"), CUT_RESIDUAL),
        (series("hang hang hang", again="hang hang", brief="hang"), CUT_RESIDUAL),
        (series("hang hang hang", brief="hang"), CUT),
        (series("hang hang hang", brief="hang", same_size=True), CUT),
        # The controls were no controls.
        (series("reset reset reset", control="refused refused"), doubt(Doubt.NO_CONTROL)),
        (series("reset reset reset", control="unreachable"), doubt(Doubt.NO_CONTROL)),
        (series("reset reset reset", control="nothing"), doubt(Doubt.NO_CONTROL)),
        (series("reset reset reset", control="ok reset"), doubt(Doubt.NO_CONTROL)),
        (series("reset reset reset", control=""), doubt(Doubt.NO_CONTROL)),
        (series("reset reset reset", control="garbage"), doubt(Doubt.NO_CONTROL)),
        (series("reset reset reset", again=""), doubt(Doubt.NO_CONTROL)),
        # What failed was not cut: a firewall that rejects, NAT without loopback, no way at all.
        (series("refused refused refused"), doubt(Doubt.NOT_CUT)),
        (series("unreachable unreachable unreachable"), doubt(Doubt.NOT_CUT)),
        (series("nothing nothing nothing"), doubt(Doubt.NOT_CUT)),
        (series("reset refused refused"), doubt(Doubt.NOT_CUT)),
        (series("reset reset reset", again="refused refused"), doubt(Doubt.NOT_CUT)),
        # A line that was gone between the control and the name.
        (series("hang nothing nothing", again="nothing nothing", witness="nothing"),
         doubt(Doubt.OUTAGE)),
        (series("hang nothing nothing"), doubt(Doubt.OUTAGE)),
        (series("reset nothing nothing"), doubt(Doubt.OUTAGE)),
        (series("reset reset reset", again="nothing nothing", witness=""), doubt(Doubt.OUTAGE)),
        # Loss that explains it.
        (series("hang hang hang", again="alert hang"), doubt(Doubt.LOSS)),
        (series("hang hang hang", brief="hang", loss=0.3), doubt(Doubt.LOSS)),
        (series("hang ok ok"), doubt(Doubt.LOSS)),
        (series("hang hang ok"), doubt(Doubt.LOSS)),
        # Only the size of the answer is in question.
        (series("hang hang hang", brief="alert"), doubt(Doubt.SIZE)),
        (series("hang hang hang", brief=""), doubt(Doubt.SIZE)),
        (series("reset reset"), doubt(Doubt.TOO_FEW)),
        # A filter that does not hit every time.
        (series("reset ok ok"), Trial(Verdict.SOMETIMES)),
        (series("reset reset ok"), Trial(Verdict.SOMETIMES)),
        (series("reset ok ok", again="alert reset"), doubt(Doubt.LOSS)),
        (series("refused ok ok"), doubt(Doubt.LOSS)),
    ],
)  # fmt: skip
def test_a_series(seen: Series, expected: Trial) -> None:
    assert trial(seen) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("cut cut", True),
        ("cut", True),
        ("cut passes", None),
        ("cut undecided", None),
        ("cut not-tried", None),
        ("cut sometimes", None),
        ("passes passes", False),
        ("passes not-tried", False),
        ("not-tried", None),
        ("", None),
    ],
)
def test_blocked_needs_every_place(verdicts: str, expected: bool | None) -> None:
    assert blocked([Trial(Verdict(word)) for word in verdicts.split()]) is expected


def test_three_tries_are_enough_up_to_a_fifth_lost() -> None:
    assert not loss_explains(3, 0.2) and loss_explains(3, 0.25) and loss_explains(1, 0.01)


def test_the_loss_of_a_line_follows_from_what_was_sent_twice() -> None:
    def counted(sent: int, again: int) -> Measurement:
        return Measurement(vantage="v", probe="p", kind="tcp", ok=True,
                           data={"connected": True, "sent": sent, "again": again})  # fmt: skip

    assert loss_share([counted(81, 0), counted(19, 19)]) == pytest.approx(0.1)
    shut = Measurement(vantage="v", probe="p", kind="tcp", ok=False, error="timeout",
                       data={"connected": False, "sent": 3, "again": 3})  # fmt: skip
    assert loss_share([counted(10, 0), shut]) == 0 and loss_share(tries("ok")) == 0


some = st.lists(st.sampled_from(sorted(KINDS)), max_size=6).map(lambda kinds: tries(*kinds))
worlds = st.builds(
    Series, real=some, control=some, again=some, witness=some, brief=some,
    same_size=st.booleans(), loss=st.floats(0, 1),
)  # fmt: skip


@given(worlds)
def test_never_cut_without_the_evidence(seen: Series) -> None:
    if trial(seen).verdict is not Verdict.CUT:
        return
    assert len(seen.real) >= 3 and any(map(was_cut, seen.real))
    assert not any(reach(item) == 2 for item in seen.real)
    assert not any(item.error in ("refused", "unreachable") for item in seen.real)
    assert passed(seen.control) and seen.again
    assert not passed(seen.brief)
    # The line was up: the control passed again, or something else did while only this was cut.
    resets = all(was_cut(item) and item.error == "reset" for item in seen.again)
    assert passed(seen.again) or passed(seen.witness) or resets


@given(worlds, st.integers(0, 5))
def test_an_outage_is_never_a_filter(seen: Series, start: int) -> None:
    """From some try on nothing comes about: the name is not to blame for that."""
    gone = tries("nothing")
    real = (*seen.real[:start], *gone * 3)
    dark = Series(real=real, control=seen.control, again=gone * 2, witness=gone, brief=gone)
    assert trial(dark).verdict is not Verdict.CUT
