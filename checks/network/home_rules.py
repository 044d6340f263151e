"""What a line at home can do: its address, shared addresses, the way in to a port. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.findings.model import (
    THIS_COMPUTER,
    Confidence,
    Finding,
    Measurement,
    Mender,
    Remedy,
    Status,
)
from assistant.findings.probes import Visitor
from assistant.text import Message, msg
from checks.causes import clean_line, conclude, remedy
from checks.network.port_rules import Sight, judge_port

SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Addresses that providers use between several lines and the internet (RFC 6598)."""

STALE = 600.0
"""Seconds after which the program that looks twice a minute has surely stopped."""

_HOME = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


def unknown_address(check: str, host: str) -> Finding:
    """Nothing can be tried on a line whose address nobody knows."""
    return conclude(
        check,
        host,
        host,
        Status.UNKNOWN,
        "undecided",
        msg("The way in to {host} could not be tried: the address of its line is not known.",
            host=host),
        confidence=Confidence.LOW,
        remedy=remedy(Mender.YOU, msg("See the finding about the line at home.")),
    )  # fmt: skip


def is_home(address: str) -> bool:
    """Whether an address is of the ranges for networks at home (RFC 1918)."""
    return any(_parsed(address) in network for network in _HOME)


def is_shared(address: str) -> bool:
    """Whether an address is of the range of carrier-grade NAT."""
    return _parsed(address) in SHARED


def _parsed(address: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(address)
    except ValueError:
        return ipaddress.IPv4Address(0)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What is known of a line at home; everything may be empty.

    ``seen`` is its IPv4 address as the server inside sees it, ``wan`` what the router calls its
    own, ``local`` the home host's address in the network at home, ``own`` all its addresses,
    ``entered`` the address in the setup, ``hops`` the first stops on the way out (empty: silent),
    ``six`` whether the line has an IPv6 address that may be used instead.
    """

    seen: str = ""
    wan: str = ""
    local: str = ""
    own: tuple[str, ...] = ()
    entered: str = ""
    hops: tuple[str, ...] = ()
    six: bool = False

    @property
    def direct(self) -> bool:
        """Whether the host itself has the line's address: no router stands between."""
        return bool(self.seen) and self.seen in self.own

    @property
    def evidence(self) -> tuple[str, ...]:
        """All of it as lines for an expert."""
        return (
            f"seen {self.seen or '?'}, router {self.wan or '?'}, entered {self.entered or '-'}",
            f"own addresses: {', '.join(self.own) or '?'}",
            f"first stops: {', '.join(stop or '*' for stop in self.hops) or '?'}",
        )


def sharing(line: Line) -> str:
    """``cgnat`` or ``double-nat`` when the line surely has no address of its own, else empty.

    Stops on the way out with private addresses prove nothing: providers use such addresses for
    their own machines as well.
    """
    if not line.seen or line.direct or not line.wan or line.wan == line.seen:
        return ""
    return "double-nat" if is_home(line.wan) else "cgnat"


def judge_line(host: str, line: Line, *, before: bool) -> Iterator[Finding]:
    """One finding about the line's address, and one when it is another than was entered."""
    subject = f"{host} line"
    values = {"host": host, "seen": line.seen, "wan": line.wan, "entered": line.entered}

    def say(
        status: Status,
        cause: str,
        text: Message,
        how: Remedy | None,
        sure: Confidence,
        why: Message | None = None,
    ) -> Finding:
        shown = line.evidence if cause else ()
        return conclude("home", subject, host, status, cause, text, why=why, confidence=sure,
                        evidence=shown, remedy=how)  # fmt: skip

    cause = sharing(line)
    if not line.seen:
        yield say(
            Status.UNKNOWN,
            "undecided",
            msg("The public address of the line of {host} could not be found out.", **values),
            remedy(Mender.YOU, msg("See the findings about the ports of the server inside.")),
            Confidence.LOW,
        )
        return
    if cause:
        # Where IPv6 leads in as well, the line can still be used.
        status = Status.WARNING if line.six else Status.FAILED
        yield say(
            status, cause, _shared_text(cause, values), _ask_isp(cause), Confidence.HIGH,
            msg("Nobody can connect to an address that several lines share."),
        )  # fmt: skip
    elif line.direct or line.wan:
        yield say(Status.OK, "", msg("The line of {host} has the address {seen}.", **values),
                  None, Confidence.HIGH)  # fmt: skip
    elif any(is_shared(stop) for stop in line.hops):
        yield say(
            Status.UNKNOWN,
            "undecided",
            msg("The line of {host} may share its address {seen} with others.", **values),
            remedy(
                Mender.YOU,
                msg(
                    "Look at the status page of your router: its WAN address must be {seen}. If it"
                    " is another one, ask your provider for a public IPv4 address.",
                    **values,
                ),
            ),
            Confidence.LOW,
        )
    else:
        yield say(
            Status.OK,
            "",
            msg("The line of {host} is seen as {seen}; the router does not tell its own address.",
                **values),
            None,
            Confidence.MEDIUM,
        )  # fmt: skip
    if before and line.entered and line.entered != line.seen:
        yield conclude(
            "home",
            f"{host} address",
            host,
            Status.WARNING,
            "address-changed",
            msg("The line of {host} has the address {seen} now, not {entered}.", **values),
            evidence=line.evidence,
            remedy=remedy(
                Mender.YOU,
                msg("Enter {seen} for {host}, or leave it: it is kept current later.", **values),
            ),
            confidence=Confidence.HIGH,
        )


def judge_updates(host: str, item: Measurement) -> Finding:
    """What the program tells that keeps the records current (its state file)."""
    subject = f"{host} updates"
    apply_ = remedy(Mender.ASSISTANT, msg("Apply the setup again: it starts what is missing."),
                    "apply")  # fmt: skip
    state = _state(item)
    age = item.data.get("age")
    if state is None or not isinstance(age, (int, float)):
        text = msg("{host} has not looked after its address yet.", host=host)
        return conclude("home", subject, host, Status.WARNING, "dyndns-silent", text,
                        confidence=Confidence.MEDIUM, evidence=(item.error,),
                        remedy=apply_)  # fmt: skip
    if age > STALE:
        text = msg("{host} looked after its address {minutes} minutes ago for the last time.",
                   host=host, minutes=round(age / 60))  # fmt: skip
        return conclude("home", subject, host, Status.FAILED, "dyndns-silent", text,
                        evidence=(f"state is {age:.0f} s old",), remedy=apply_,
                        confidence=Confidence.CERTAIN)  # fmt: skip
    error = clean_line(str(state.get("error", "")))
    if state.get("failures") or error:
        text = msg("{host} could not update the records: {error}", host=host, error=error or "?")
        how = msg(
            "If the provider refuses, make a new token there and apply the setup again. Else wait"
            " some minutes: the program tries again by itself."
        )
        return conclude("home", subject, host, Status.WARNING, "dyndns-failing", text,
                        evidence=(error,), remedy=remedy(Mender.YOU, how),
                        confidence=Confidence.CERTAIN)  # fmt: skip
    text = msg("{host} looks after its address.", host=host)
    return conclude("home", subject, host, Status.OK, "", text, confidence=Confidence.HIGH)


def _state(item: Measurement) -> dict[str, object] | None:
    try:
        found = json.loads(str(item.data.get("text", "")))
    except ValueError:
        return None
    return found if item.ok and isinstance(found, dict) else None


def _shared_text(cause: str, values: Mapping[str, str]) -> Message:
    if cause == "double-nat":
        return msg(
            "A second router stands before the router of {host}: it is {wan} there, and {seen} to"
            " the internet.",
            **values,
        )
    return msg(
        "The provider shares the address {seen} among several lines; the router of {host} only has"
        " {wan}.",
        **values,
    )


def _ask_isp(cause: str) -> Remedy:
    if cause == "double-nat":
        return remedy(
            Mender.YOU,
            msg(
                "Switch the provider's modem to bridge mode, so that your router dials in itself,"
                " or enter the same port forwarding in both."
            ),
        )
    return remedy(
        Mender.ISP,
        msg(
            "Call your provider and ask for a public IPv4 address (公网 IP). Without one, use IPv6"
            " if your line has it, or another option."
        ),
    )


def forwarding(host: str, port: int, line: Line, address: str = "") -> Message:
    """Exactly what to enter in the router to let in what goes to an address of the line."""
    if ":" in address:
        return msg(
            "In the IPv6 firewall of your router, let incoming TCP port {port} through to {address}"
            " ({host}). If it cannot do that, take the IPv6 address out of {host} in the setup.",
            host=host,
            port=port,
            address=address,
        )
    values = {"host": host, "port": port, "local": line.local or line_local(line.own) or "?"}
    if line.direct:
        return msg(
            "Let incoming TCP port {port} through the firewall of the modem or of {host}.", **values
        )
    return msg(
        "In your router, add a port forwarding: external port {port}, protocol TCP, internal"
        " address {local}, internal port {port}. Give {local} to {host} for good (static DHCP).",
        **values,
    )


def line_local(own: Collection[str]) -> str:
    """The address in the network at home among a host's addresses; empty when unclear."""
    found = [address for address in own if is_home(address)]
    return found[0] if len(found) == 1 else ""


def judge_home_port(
    host: str,
    port: int,
    address: str,
    seen: Mapping[str, Sight],
    *,
    line: Line,
    others: Mapping[int, Collection[str]],
    visitors: Sequence[Visitor] = (),
    nonce: str = "",
) -> tuple[Finding, ...]:
    """The way in to the port of a home line: one finding per place that tried.

    ``others`` are further ports that were tried meanwhile, with the places each could be reached
    from. What the rules about ports say stays where something got through or was cut on the
    way; silence is explained by what is known of the line.
    """
    found = judge_port(host, port, address, seen, visitors=visitors, nonce=nonce)
    passed = {item.vantage for item in found if item.status in (Status.OK, Status.WARNING)}
    far = [item.vantage for item in found if item.vantage != THIS_COMPUTER]
    if passed:
        return loops_back(host, port, found)
    silent = ("port-closed", "undecided", "port-refused")
    return tuple(
        _explained(host, port, address, item, line=line, others=others, alone=not far)
        if item.cause in silent
        else item
        for item in found
    )


def loops_back(host: str, port: int, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same, but silence for this computer alone is no fault: it may be on that very line."""
    silent = ("port-closed", "undecided", "port-refused", "service-not-listening")
    about = f"{host} tcp/{port} "
    mine = [item for item in found if (item.subject + " ").startswith(about)]
    if not any(i.vantage != THIS_COMPUTER and i.status is Status.OK for i in mine):
        return tuple(found)
    return tuple(
        _loops_back(host, port, item)
        if item in mine and item.vantage == THIS_COMPUTER and item.cause in silent
        else item
        for item in found
    )


def _loops_back(host: str, port: int, item: Finding) -> Finding:
    text = msg(
        "Port {port} of {host} cannot be reached from this computer, but from elsewhere.",
        host=host,
        port=port,
    )
    how = msg("If this computer is at home too, that is usual: try with a phone off the WLAN.")
    return item.model_copy(
        update={
            "status": Status.WARNING,
            "cause": "hairpin",
            "summary": text,
            "confidence": Confidence.MEDIUM,
            "remedy": remedy(Mender.NOBODY, how),
        }
    )


def _explained(
    host: str,
    port: int,
    address: str,
    item: Finding,
    *,
    line: Line,
    others: Mapping[int, Collection[str]],
    alone: bool,
) -> Finding:
    values = {"host": host, "port": port, "vantage": item.vantage}
    rule = forwarding(host, port, line, address)
    works = next((p for p in others if others[p]), 0)
    # IPv6 is never shared: there only a firewall can stand in the way.
    shared = "" if ":" in address else sharing(line)
    if shared:
        how, cause, sure = _ask_isp(shared), shared, Confidence.HIGH
        text = msg("{vantage} cannot reach port {port} of {host}: its line has no address of its"
                   " own.", **values)  # fmt: skip
    elif works:
        cause, sure = "isp-port-closed", Confidence.MEDIUM
        text = msg("{vantage} cannot reach port {port} of {host}, but port {works}: your provider"
                   " closes the first, or your router forwards only the other.",
                   works=works, **values)  # fmt: skip
        how = remedy(Mender.YOU, msg("Use port {works} for the apps.", works=works), "use-port")
    elif alone:
        # One place, perhaps on the very same line, decides nothing.
        return item.model_copy(
            update={
                "status": Status.UNKNOWN,
                "cause": "undecided",
                "confidence": Confidence.LOW,
                "remedy": remedy(Mender.YOU, rule),
            }
        )
    else:
        cause = "not-forwarded"
        sure = Confidence.HIGH if item.cause == "port-refused" else Confidence.MEDIUM
        text = msg("Nothing that {vantage} sends to port {port} of the line arrives at {host}.",
                   **values)  # fmt: skip
        how = remedy(Mender.YOU, rule)
    return item.model_copy(
        update={
            "status": Status.FAILED,
            "cause": cause,
            "summary": text,
            "confidence": sure,
            "evidence": (*item.evidence, *line.evidence),
            "remedy": how,
        }
    )
