"""What the tries at one port, and the listener's notes, tell about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.findings.model import Confidence, Finding, Measurement, Mender, Remedy, Status
from assistant.findings.probes import Visitor
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.evidence import TRIES, describe

Values = Mapping[str, str | int]


def open_port(values: Values) -> Remedy:
    """How to let a port in."""
    return remedy(
        Mender.YOU,
        msg(
            "In your cloud provider's console, allow incoming TCP port {port} in the firewall or"
            " security group of {host}. Also look for a firewall on the server itself.",
            **values,
        ),
    )


@dataclass(frozen=True)
class Sight:
    """What one place saw of a port: the tries, the control's, and whether other ports passed."""

    tries: tuple[Measurement, ...]
    control: tuple[Measurement, ...] = ()
    others_pass: bool = False
    known_as: tuple[str, ...] = ()
    """The addresses under which the host sees this place; empty when nobody knows."""


def _answered(item: Measurement, nonce: str) -> bool:
    if not nonce:
        return bool(item.data.get("connected"))
    # After the nonce the listener tells whom it sees.
    return item.ok and str(item.data.get("banner", "")).partition(nonce)[:2] == ("", nonce)


def judge_port(
    host: str,
    port: int,
    address: str,
    seen: Mapping[str, Sight],
    *,
    visitors: Sequence[Visitor] = (),
    nonce: str = "",
) -> tuple[Finding, ...]:
    """One finding per place that tried. Without a ``nonce`` a connection is all that counts.

    A place without a way to an IPv6 address is left out: it says nothing about the host.
    """
    tried = {
        vantage: sight
        for vantage, sight in seen.items()
        if sight.tries
        and not (":" in address and all(m.error == "unreachable" for m in sight.tries))
    }
    good = {
        vantage: sum(_answered(item, nonce) for item in sight.tries)
        for vantage, sight in tried.items()
    }
    arrived = sum(visitor.state == "answered" for visitor in visitors)
    told = _Told(
        host=host,
        port=port,
        address=address,
        reached=any(good.values()),
        alone=len(tried) < 2,
        # Visits that no place got an answer from.
        unanswered=max(0, arrived - sum(good.values())),
        # Every good handshake is half-open for one round trip.
        half_open=tuple(
            v.address
            for v in visitors
            if v.state == "half-open"
            and (":" in v.address) == (":" in address)
            and not any(w.state == "answered" and w.address == v.address for w in visitors)
        ),
        nonce=nonce,
    )
    return tuple(_judge_from(vantage, sight, told) for vantage, sight in tried.items())


@dataclass(frozen=True)
class _Told:
    """What all places and the listener together tell about a port."""

    host: str
    port: int
    address: str
    reached: bool
    alone: bool
    unanswered: int
    half_open: tuple[str, ...]
    nonce: str


def _judge_from(vantage: str, sight: Sight, told: _Told) -> Finding:
    good = sum(_answered(item, told.nonce) for item in sight.tries)
    values: Values = {"host": told.host, "port": told.port, "vantage": vantage}
    evidence = [describe(item) for item in (*sight.tries, *sight.control)]
    evidence += [f"half-open from {address}" for address in told.half_open]

    def say(
        status: Status,
        cause: str,
        text: Message,
        sure: Confidence,
        mend: Remedy | None,
    ) -> Finding:
        return conclude(
            "ports-before",
            f"{told.host} tcp/{told.port} {told.address}",
            vantage,
            status,
            cause,
            text,
            confidence=sure,
            evidence=tuple(evidence),
            remedy=mend,
        )

    if good == len(sight.tries):
        text = msg("Port {port} of {host} can be reached from {vantage}.", **values)
        return say(Status.OK, "", text, Confidence.CERTAIN, None)
    if good:
        return say(
            Status.WARNING,
            "packets-lost",
            msg("Only some connections from {vantage} to port {port} of {host} work.", **values),
            Confidence.MEDIUM,
            remedy(Mender.ISP, msg("The line loses packets. Try again at another time of day.")),
        )
    return _all_failed(sight, told, values, say)


Say = Callable[[Status, str, Message, Confidence, Remedy | None], Finding]


def _all_failed(sight: Sight, told: _Told, values: Values, say: Say) -> Finding:
    """No try got the right answer: how far did they come?"""
    connected = [item for item in sight.tries if item.data.get("connected")]
    other_answer = any(item.ok for item in connected)
    if connected and (other_answer or not told.unanswered):
        return say(
            Status.FAILED,
            "port-intercepted",
            msg(
                "Something else answers {vantage} in the place of {host} at port {port}.", **values
            ),
            Confidence.HIGH if other_answer else Confidence.MEDIUM,
            remedy(
                Mender.YOU,
                msg(
                    "Check that the public address of {host} is right, and that no router or proxy"
                    " on the way takes this port for itself.",
                    **values,
                ),
            ),
        )
    if connected:
        return say(
            Status.FAILED,
            "answer-lost",
            msg(
                "Connections from {vantage} arrive at port {port} of {host}, but its answer gets"
                " lost on the way.",
                **values,
            ),
            Confidence.HIGH,
            remedy(
                Mender.PROVIDER,
                msg("Something on the way cuts this port. Try another port or another address."),
            ),
        )
    return _never_connected(sight, told, values, say)


def _never_connected(sight: Sight, told: _Told, values: Values, say: Say) -> Finding:
    """No try got a connection."""
    if any(address in sight.known_as for address in told.half_open):
        cause = "address-blocked" if told.reached else "answer-lost"
        return say(
            Status.FAILED,
            cause,
            msg(
                "Connections from {vantage} arrive at {host}, but what it sends back to port"
                " {port}'s visitors disappears.",
                **values,
            ),
            Confidence.HIGH if told.reached else Confidence.MEDIUM,
            remedy(
                Mender.PROVIDER,
                msg("Ask for another address, or use a server of another provider."),
            ),
        )
    if all(item.error == "refused" for item in sight.tries):
        return say(
            Status.FAILED,
            "port-refused",
            msg("Connections from {vantage} to port {port} of {host} are refused.", **values),
            Confidence.HIGH,
            open_port(values),
        )
    path = sight.others_pass or (
        bool(sight.control) and all(item.data.get("connected") for item in sight.control)
    )
    # Somebody began a connection that never came about; without knowing who, it may be this place.
    maybe_arrived = bool(told.half_open) and not sight.known_as
    if not path or told.reached or maybe_arrived or len(sight.tries) < TRIES:
        return say(
            Status.UNKNOWN,
            "undecided",
            msg(
                "Port {port} of {host} could not be reached from {vantage}, but the cause is not"
                " clear.",
                **values,
            ),
            Confidence.LOW,
            remedy(
                Mender.YOU,
                msg("Try again, if possible from another network, such as a phone's."),
            ),
        )
    return say(
        Status.FAILED,
        "port-closed",
        msg("Nothing that {vantage} sends to port {port} of {host} arrives.", **values),
        Confidence.MEDIUM if told.alone else Confidence.HIGH,
        open_port(values),
    )
