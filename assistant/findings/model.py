"""Measurements and findings: what was observed, and what we conclude from it.

A measurement is one raw observation. A finding is identity (check, subject, vantage) + status +
cause + messages; it is worded only when shown, so that it can be shown in any language and
compared with the finding of another day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from assistant.common.frozen import Frozen
from assistant.text import Message

THIS_COMPUTER = "this computer"
"""Name of the vantage that is the computer the program runs on."""


class Status(StrEnum):
    """Verdict of a finding. ``unknown``: could not decide; ``skipped``: could not be tried."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Confidence(StrEnum):
    """How sure the cause is."""

    CERTAIN = "certain"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Mender(StrEnum):
    """Who can mend what a finding describes."""

    YOU = "you"
    ASSISTANT = "assistant"
    PROVIDER = "cloud provider"
    REGISTRAR = "domain registrar"
    ISP = "internet provider"
    NOBODY = "nobody"


class Measurement(Frozen):
    """One raw observation from one vantage.

    ``probe`` is the probe's id within its batch, ``kind`` its kind (``tcp``, ``tls``, …), ``ok``
    whether the exchange succeeded, ``error`` a short classified error kind (``refused``,
    ``timeout``, ``reset``, ``unreachable``, ``name``, ``tls``, …; empty when ok), ``ms`` the time
    taken in milliseconds, ``data`` what came back (kind specific).
    """

    vantage: str
    probe: str
    kind: str
    ok: bool
    error: str = ""
    ms: float | None = None
    data: Mapping[str, Any] = Field(default_factory=dict)


class Remedy(Frozen):
    """What mends a finding, and who can do it.

    ``action`` names something the assistant can do itself (empty when it cannot).
    """

    who: Mender
    text: Message
    action: str = ""


class Finding(Frozen):
    """A conclusion about one subject seen from one vantage.

    ``check`` and ``cause`` are stable identifiers (lower case, dashes); ``cause`` is ``""`` when
    all is well. ``confidence`` is how sure that is: ``certain`` only for what was read on the host
    itself or proven by a nonce. ``because`` is the key of the finding that this one follows from.
    ``evidence`` is raw text for an expert, already cleaned of control characters.
    """

    check: str
    subject: str
    vantage: str
    status: Status
    cause: str = ""
    summary: Message
    why: Message | None = None
    confidence: Confidence
    because: tuple[str, str, str] | None = None
    evidence: tuple[str, ...] = ()
    remedy: Remedy | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity across runs: (check, subject, vantage)."""
        return (self.check, self.subject, self.vantage)

    def to_json(
        self, words: Callable[[Message], str] = str, *, evidence: bool = True
    ) -> dict[str, Any]:
        """The finding as a JSON object, its texts worded by ``words`` (in English without).

        Raw ``evidence`` may name more than everybody should read.
        """
        value = {
            "check": self.check,
            "subject": self.subject,
            "vantage": self.vantage,
            "status": self.status.value,
            "cause": self.cause,
            "confidence": self.confidence.value,
            "because": list(self.because) if self.because else None,
            "summary": words(self.summary),
            "why": words(self.why) if self.why else "",
            "remedy": words(self.remedy.text) if self.remedy else "",
            "who": self.remedy.who.value if self.remedy else "",
        }
        return value | {"evidence": list(self.evidence)} if evidence else value

    @property
    def blocking(self) -> bool:
        """Whether an apply must not start while this finding stands."""
        return self.status is Status.FAILED
