"""Records outside the usual: on devices, on the outside server, in no DNS, of a line at home. Pure.

What the answers of resolvers mean for other public records is in :mod:`checks.dns.rules`.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Measurement, Mender, Status
from assistant.plan.model import Record
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.dns.rules import judge_record
from checks.dns.wire import Answer, normal

LONGEST_TTL = 300
"""Seconds a record of a line at home may be remembered: as long as people wait after a redial."""


def addresses_of(item: Measurement) -> tuple[str, ...]:
    """The addresses a system resolver answered."""
    found = item.data.get("addresses")
    return tuple(map(str, found)) if isinstance(found, list) else ()


def judge_absence(
    name: str, vantage: str, answers: Mapping[tuple[str, str], Answer], why: Message
) -> Iterator[Finding]:
    """A name that must have no public record, asked from a host.

    ``answers`` by record type and resolver. One finding: there is none, there is one, or nobody
    said anything.
    """
    told = {key: answer for key, answer in answers.items() if answer.told}
    present = {
        key: answer.values | frozenset[str]().union(*answer.several)
        for key, answer in told.items()
        if answer.values or any(answer.several)
    }
    subject = f"{name} public"
    values = {"name": name, "vantage": vantage}
    if present:
        types = ", ".join(sorted({type_ for type_, _ in present}))
        found = ", ".join(sorted(frozenset[str]().union(*present.values())))
        yield conclude(
            "dns",
            subject,
            vantage,
            Status.FAILED,
            "record-present",
            msg(
                "{vantage} finds {name} in the public DNS ({types}: {found}); it must not be.",
                types=types,
                found=found,
                **values,
            ),
            why=why,
            # A forged or an old answer looks the same from there.
            confidence=Confidence.HIGH if len({server for _, server in present}) > 1
            else Confidence.MEDIUM,
            evidence=tuple(f"{server}: {type_} {sorted(found)}"
                           for (type_, server), found in present.items()),
            remedy=remedy(
                Mender.YOU,
                msg(
                    "At the company where you manage {name}, delete every record of {name}, and a"
                    " record for * if there is one. Old answers fade within an hour or two.",
                    **values,
                ),
            ),
        )  # fmt: skip
    elif told:
        text = msg("{vantage} finds {name} in no public DNS, as it should be.", **values)
        yield conclude("dns", subject, vantage, Status.OK, "", text, confidence=Confidence.HIGH)
    elif answers:
        yield conclude(
            "dns",
            subject,
            vantage,
            Status.UNKNOWN,
            "resolver-silent",
            msg("No resolver told {vantage} anything about {name}.", **values),
            evidence=tuple(sorted({server for _, server in answers})),
            remedy=remedy(
                Mender.NOBODY, msg("Nothing to do: it was asked for from other places as well.")
            ),
            confidence=Confidence.MEDIUM,
        )


def judge_server(
    name: str, wanted: frozenset[str], vantage: str, item: Measurement
) -> Finding:  # fmt: skip
    """Where the outside server finds the server inside: by its own hosts file, nothing else."""
    found = frozenset(normal("A", address) for address in addresses_of(item))
    values = {"name": name, "vantage": vantage, "found": ", ".join(sorted(found)) or "-",
              "wanted": ", ".join(sorted(wanted))}  # fmt: skip
    subject = f"{name} on {vantage}"
    if found and found <= wanted:
        text = msg("{vantage} finds {name} where it must.", **values)
        return conclude("dns", subject, vantage, Status.OK, "", text, confidence=Confidence.HIGH)
    return conclude(
        "dns",
        subject,
        vantage,
        Status.FAILED,
        "server-record",
        msg("{vantage} finds {found} for {name} instead of {wanted}.", **values),
        why=msg("The two servers cannot exchange messages."),
        evidence=(", ".join(addresses_of(item)) or str(item.data.get("answer", item.error)),),
        remedy=remedy(
            Mender.ASSISTANT,
            msg("Apply the setup again: it puts the names into the hosts file of {vantage}.",
                **values),
            "apply",
        ), confidence=Confidence.CERTAIN,
    )  # fmt: skip


def hosts_line(name: str, wanted: frozenset[str]) -> str:
    """What to add to a hosts file."""
    return "\n".join(f"{address} {name}" for address in sorted(wanted))


def judge_device(name: str, wanted: frozenset[str], vantage: str, item: Measurement) -> Finding:
    """A name people's devices must be taught, on this computer: it need not be one of them."""
    found = frozenset(normal("A", address) for address in addresses_of(item))
    values = {"name": name, "vantage": vantage, "found": ", ".join(sorted(found)),
              "line": hosts_line(name, wanted)}  # fmt: skip
    subject = f"{name} on {vantage}"
    how = msg("Where apps are to find {name}, add to the hosts file:\n{line}", **values)
    if found and found <= wanted:
        text = msg("{vantage} finds {name}.", **values)
        return conclude("dns", subject, vantage, Status.OK, "", text, confidence=Confidence.HIGH)
    if not found:
        return conclude(
            "dns",
            subject,
            vantage,
            Status.SKIPPED,
            "device-record-missing",
            msg("{vantage} does not know {name}: it needs no record unless you use it for"
                " Matrix.", **values),
            remedy=remedy(Mender.YOU, how), confidence=Confidence.CERTAIN,
        )  # fmt: skip
    return conclude(
        "dns",
        subject,
        vantage,
        Status.WARNING,
        "device-record-wrong",
        msg("{vantage} finds {found} for {name}: apps on it will not reach the server.", **values),
        evidence=(", ".join(addresses_of(item)),),
        remedy=remedy(Mender.YOU, how),
        confidence=Confidence.CERTAIN,
    )


def wanted_at_home(record: Record, seen: str, own: Sequence[str]) -> Record:
    """An address record with what the line has now.

    IPv4 as the server inside sees it; IPv6 as the home host has it, kept as planned when that is
    among its addresses or when it has none.
    """
    if record.type == "A" and seen:
        return dataclasses.replace(record, values=(seen,))
    if record.type == "AAAA":
        global_ = [address for address in own if _is_global_six(address)]
        if global_ and not {normal("AAAA", value) for value in record.values} & set(global_):
            return dataclasses.replace(record, values=(global_[0],))
    return record


def _is_global_six(address: str) -> bool:
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return False
    # Not is_global: that would also leave out the addresses of examples and of practice.
    return not (parsed.is_link_local or parsed.is_loopback or parsed in _LOCAL_SIX)


_LOCAL_SIX = ipaddress.IPv6Network("fc00::/7")


def judge_home_record(
    record: Record,
    own: Mapping[str, Answer],
    resolvers: Mapping[str, Answer],
    *,
    updates: bool,
    itself: bool,
) -> tuple[Finding, ...]:
    """A public record of the line at home: the present address, not remembered for long.

    ``updates``: the home host is meant to keep it current already. ``itself``: it will make the
    record by itself once it is set up.
    """
    if not record.values:
        return (_not_compared(record, own, resolvers),)
    found = judge_record(record, own, resolvers)
    first = found[0]
    if first.status is Status.OK:
        return (*found, *_ttl(record, own))
    if first.cause not in ("record-missing", "record-wrong"):
        return found
    values = {"name": record.name, "type": record.type, "wanted": ", ".join(record.values)}
    if updates:
        said = frozenset[str]().union(*(answer.values for answer in own.values()))
        stale = first.model_copy(
            update={
                "cause": "dyndns-stale",
                "summary": msg(
                    "The {type} record of {name} says {found}, but the line at home has {wanted}"
                    " now.",
                    found=", ".join(sorted(said)) or "-",
                    **values,
                ),
                "remedy": remedy(
                    Mender.ASSISTANT if itself else Mender.YOU,
                    msg(
                        "The home host looks every minute: wait two minutes and check again. If it"
                        " stays, apply the setup again; the token of your provider may have ended."
                    )
                    if itself
                    else msg(
                        "At the company where you manage {name}, set its {type} record to {wanted},"
                        " or let the assistant do so (with a token of your provider).",
                        **values,
                    ),
                    "apply" if itself else "",
                ),
            }
        )
        return (stale, *found[1:])
    if itself:
        later = first.model_copy(
            update={
                "status": Status.WARNING,
                "summary": msg("The {type} record of {name} is not right yet.", **values),
                "remedy": remedy(
                    Mender.ASSISTANT,
                    msg("Nothing to do: the home host sets it to {wanted} once it is set up.",
                        **values),
                    "apply",
                ),
            }
        )  # fmt: skip
        return (later, *found[1:])
    return found


def _not_compared(
    record: Record, own: Mapping[str, Answer], resolvers: Mapping[str, Answer]
) -> Finding:
    """The line's address is not known, so that nobody can say whether the record is right."""
    told = [answer for answer in (*own.values(), *resolvers.values()) if answer.told]
    said = frozenset[str]().union(*(answer.values for answer in told))
    values = {"name": record.name, "type": record.type, "found": ", ".join(sorted(said)) or "-"}
    return conclude(
        "dns",
        f"{record.name} {record.type}",
        THIS_COMPUTER,
        Status.UNKNOWN,
        "undecided",
        msg("The {type} record of {name} says {found}; the address of the line is not known yet.",
            **values),
        confidence=Confidence.LOW,
        evidence=tuple(f"{server}: {sorted(answer.values)}" for server, answer in own.items()),
        remedy=remedy(Mender.YOU, msg("See the finding about the line at home.")),
    )  # fmt: skip


def _ttl(record: Record, own: Mapping[str, Answer]) -> Iterator[Finding]:
    longest = max((answer.ttl for answer in own.values() if answer.values), default=0)
    if longest <= LONGEST_TTL:
        return
    values = {"name": record.name, "type": record.type, "seconds": longest, "most": LONGEST_TTL}
    yield conclude(
        "dns",
        f"{record.name} {record.type} ttl",
        THIS_COMPUTER,
        Status.WARNING,
        "ttl-long",
        msg("The {type} record of {name} may be remembered for {seconds} s.", **values),
        why=msg("After the line has dialled in anew, apps would look at the old address so long."),
        remedy=remedy(
            Mender.YOU,
            msg("At the company where you manage {name}, set the TTL of this record to 60 (at most"
                " {most}).", **values),
        ), confidence=Confidence.HIGH,
    )  # fmt: skip
