"""What the answers of the domain's own servers and of resolvers mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assistant.findings.model import THIS_COMPUTER, Confidence, Finding, Mender, Remedy, Status
from assistant.plan.model import Record
from assistant.text import Message, msg
from checks.causes import conclude, remedy
from checks.dns.wire import Answer, normal

Values = Mapping[str, str | int]


def judge_record(
    record: Record, own: Mapping[str, Answer], resolvers: Mapping[str, Answer]
) -> tuple[Finding, ...]:
    """One finding about the record itself, and one for each resolver that says otherwise.

    ``own`` are the answers of the domain's name servers, ``resolvers`` those of public resolvers,
    by server address. What the domain's own servers say decides; only when none of them can be
    asked do the resolvers decide, and then less surely.
    """
    wanted = frozenset(normal(record.type, value) for value in record.values)
    if record.must == "absent":
        wanted = frozenset()
    subject = f"{record.name} {record.type}"
    lines = tuple(
        f"{server}: {_shown(answer)}" for server, answer in (*own.items(), *resolvers.items())
    )
    told = [answer for answer in own.values() if answer.told]
    sure = Confidence.HIGH
    if not told:
        told = [answer for answer in resolvers.values() if answer.told]
        sure = Confidence.MEDIUM
    if not told:
        return (
            _say(
                subject,
                Status.UNKNOWN,
                "servers-silent",
                msg("Nobody could be asked for the {type} record of {name}.", **_of(record)),
                lines,
                how=remedy(
                    Mender.YOU,
                    msg("Check that this computer is online and may ask name servers (port 53)."),
                ),
                sure=Confidence.MEDIUM,
            ),
        )
    found = {answer.values for answer in told}
    if found != {wanted}:
        return (_not_as_wanted(record, subject, found, wanted, lines, sure),)
    if record.must == "absent":
        good = msg("{name} has no {type} record, as it should be.", **_of(record))
    else:
        good = msg("The {type} record of {name} is right.", **_of(record))
    return (
        _say(subject, Status.OK, "", good, lines, sure=sure),
        *judge_resolvers(record, subject, wanted, resolvers),
    )


def while_forged(found: Finding) -> Finding:
    """What is said of a record where answers are forged: nothing sure, whatever it looks like."""
    if found.status is Status.OK or found.cause not in _FROM_ANSWERS:
        return found
    name = found.subject.split(" ")[0]
    return found.model_copy(
        update={
            "status": Status.UNKNOWN,
            "cause": "undecided",
            "confidence": Confidence.LOW,
            "summary": msg("Answers about {name} are forged on the way here, so its record is not"
                           " known.", name=name),
            "why": None,
            "remedy": remedy(
                Mender.YOU,
                msg("Look at the record at your DNS company, or check from another network: that"
                    " would decide it."),
            ),
        }
    )  # fmt: skip


_FROM_ANSWERS = (
    "record-wrong", "record-missing", "record-present", "servers-differ", "record-stale",
    "resolver-differs", "dyndns-stale",
)  # fmt: skip


def _not_as_wanted(
    record: Record,
    subject: str,
    found: set[frozenset[str]],
    wanted: frozenset[str],
    lines: tuple[str, ...],
    sure: Confidence,
) -> Finding:
    values = {**_of(record), "found": ", ".join(sorted(set[str]().union(*found))) or "-"}
    if wanted in found:
        return _say(
            subject,
            Status.WARNING,
            "servers-differ",
            msg("The name servers of {name} do not agree about its {type} record yet.", **values),
            lines,
            sure=sure,
            how=remedy(
                Mender.REGISTRAR, msg("A fresh change takes some minutes to reach all. Wait.")
            ),
        )
    if not wanted:
        text = msg("{name} has a {type} record ({found}) and must have none.", **values)
        how = msg(
            "At the company where you manage {name}, delete its {type} record with the value"
            " {found}.",
            **values,
        )
        cause = "record-present"
    elif found == {frozenset()}:
        text = msg("{name} has no {type} record yet.", **values)
        how = msg("At the company where you manage {name}, add this record:\n{line}", **values)
        cause = "record-missing"
    else:
        text = msg("The {type} record of {name} says {found} instead of {wanted}.", **values)
        how = msg(
            "At the company where you manage {name}, replace the {type} record by:\n{line}",
            **values,
        )
        cause = "record-wrong"
    mend = remedy(Mender.YOU, how)
    return _say(subject, Status.FAILED, cause, text, lines, why=record.why, sure=sure, how=mend)


def judge_resolvers(
    record: Record, subject: str, wanted: frozenset[str], resolvers: Mapping[str, Answer]
) -> Iterator[Finding]:
    """Resolvers that say otherwise although the domain's own servers are right."""
    for server, answer in resolvers.items():
        values: Values = {**_of(record), "server": server, "seconds": answer.ttl}
        lines = (f"{server}: {_shown(answer)}",)
        about = f"{subject} at {server}"
        if not answer.told:
            yield _say(
                about,
                Status.UNKNOWN,
                "resolver-silent",
                msg("The resolver {server} said nothing about {name}.", **values),
                lines,
                how=remedy(
                    Mender.NOBODY, msg("Nothing to do: other resolvers were asked as well.")
                ),
                sure=Confidence.MEDIUM,
            )
        elif answer.values != wanted and wanted in answer.several:
            yield _say(
                about,
                Status.WARNING,
                "dns-forged",
                msg("Two answers came from {server} for {name}: one of them is forged.", **values),
                lines,
                sure=Confidence.HIGH,
                how=_avoid_forging(),
            )
        elif answer.values != wanted and answer.ttl > 0:
            yield _say(
                about,
                Status.WARNING,
                "record-stale",
                msg("{server} still has an old answer for {name}.", **values),
                lines,
                # A made-up answer has a lifetime too.
                sure=Confidence.MEDIUM,
                how=remedy(
                    Mender.NOBODY, msg("Wait {seconds} seconds, then check again.", **values)
                ),
            )
        elif answer.values != wanted:
            yield _say(
                about,
                Status.WARNING,
                "resolver-differs",
                msg("{server} gives another answer for {name} than the domain itself.", **values),
                lines,
                sure=Confidence.LOW,
                how=remedy(Mender.YOU, msg("Check again in an hour; if it stays, avoid {server}.",
                                           **values)),
            )  # fmt: skip


def judge_system(
    name: str, wanted: frozenset[str], vantage: str, item: tuple[bool, str, tuple[str, ...]],
    *, own_right: bool, itself: bool = False,
) -> tuple[Finding, ...]:  # fmt: skip
    """What the system resolver of a vantage says about a name people will use.

    ``item``: whether it answered, how it failed, and the addresses. Nothing is said when the
    domain itself is not right yet (``own_right``): that is said elsewhere. ``itself``: the vantage
    is the host that has these addresses, where a loopback address is usual.
    """
    if not own_right or not wanted:
        return ()
    answered, how, addresses = item
    subject = f"{name} system resolver"
    found = frozenset(normal("A", address) for address in addresses)
    if itself:
        found = frozenset(a for a in found if not (a.startswith("127.") or a == "::1")) or wanted
    values: Values = {"name": name, "vantage": vantage, "found": ", ".join(sorted(found)) or "-"}
    lines = (f"{vantage}: {', '.join(addresses) or how}",)
    if answered and found and found <= wanted:
        text = msg("{vantage} finds {name}.", **values)
        return (_say(subject, Status.OK, "", text, lines, vantage=vantage, sure=Confidence.HIGH),)
    if not answered and how != "no-such-name":
        return (
            _say(
                subject,
                Status.UNKNOWN,
                "resolver-silent",
                msg("The resolver of {vantage} gave no answer for {name}.", **values),
                lines,
                vantage=vantage,
                sure=Confidence.MEDIUM,
            ),
        )
    return (
        _say(
            subject,
            Status.WARNING,
            "resolver-differs",
            msg("{vantage} finds {found} for {name}, which is not what the domain says.", **values),
            lines,
            vantage=vantage,
            sure=Confidence.MEDIUM,
            how=remedy(
                Mender.YOU,
                msg("It may be an old answer: wait an hour, or look into the hosts file there."),
            ),
        ),
    )


def judge_forging(
    name: str, vantage: str, real: tuple[str, ...], control: tuple[str, ...], decided: bool
) -> tuple[Finding, ...]:
    """Answers from an address where nobody serves DNS: to the real name and to a control name.

    ``decided``: the address surely serves no DNS and both were asked. Silence is as it should be.
    """
    if not decided or not real:
        return ()
    lines = tuple(f"{vantage}: {line}" for line in (*real, *control))
    if control:
        return (
            _say(
                f"{name} forging",
                Status.WARNING,
                "dns-intercepted",
                msg("Your router or provider answers all DNS questions of {vantage} itself.",
                    vantage=vantage),
                lines,
                vantage=vantage,
                sure=Confidence.HIGH,
                how=remedy(Mender.YOU, msg("Usually harmless. To avoid it, use encrypted DNS.")),
            ),
        )  # fmt: skip
    return (
        _say(
            f"{name} forging",
            Status.FAILED,
            "dns-forged",
            msg("Forged answers for {name} reach {vantage}.", name=name, vantage=vantage),
            lines,
            vantage=vantage,
            sure=Confidence.HIGH,
            how=_avoid_forging(),
        ),
    )


def _avoid_forging() -> Remedy:
    return remedy(
        Mender.YOU,
        msg("Use another name, or give the devices the address by hosts file or encrypted DNS."),
    )


def _of(record: Record) -> dict[str, str | int]:
    return {
        "name": record.name,
        "type": record.type,
        "wanted": ", ".join(record.values),
        "line": record.line,
    }


def _shown(answer: Answer) -> str:
    text = f"{answer.rcode} {', '.join(sorted(answer.values))} ttl {answer.ttl}"
    for other in answer.several:
        text += f"; also {', '.join(sorted(other)) or 'nothing'}"
    return text


def _say(
    subject: str,
    status: Status,
    cause: str,
    text: Message,
    lines: tuple[str, ...],
    *,
    vantage: str = THIS_COMPUTER,
    why: Message | None = None,
    sure: Confidence,
    how: Remedy | None = None,
) -> Finding:
    return conclude(
        "dns",
        subject,
        vantage,
        status,
        cause,
        text,
        why=why,
        confidence=sure,
        evidence=lines,
        remedy=how,
    )
