"""The recommendation in words and as JSON."""

from __future__ import annotations

from typing import Any

from assistant.advice.options import OPTIONS
from assistant.advice.ranking import Verdict
from assistant.advice.recommendation import Ranked, Recommendation
from assistant.advice.sensitivity import Ground
from assistant.answers import QUESTIONS, question
from assistant.cli.output import Output
from assistant.text import Message, listed, msg

_STAR = "●"
_NO_STAR = "○"
_VERDICTS = {
    Verdict.POSSIBLE: msg("possible"),
    Verdict.UNSURE: msg("undecided"),
    Verdict.RULED_OUT: msg("ruled out"),
}


def print_recommendation(recommendation: Recommendation, out: Output) -> None:
    """All four options, best first, with reasons and what would change the order."""
    out.print(recommendation.advice)
    for contradiction in recommendation.contradictions:
        out.print(f"! {out.words(contradiction.message)}")
    for place, ranked in enumerate(recommendation.ranking, 1):
        out.print("")
        _print_option(place, ranked, out)
    for remark in recommendation.remarks:
        out.print("")
        out.print(msg("Note: {text}", text=remark.message))
    if recommendation.unknowns:
        out.print("")
        out.print(msg("What is not known yet:"))
        for unknown in recommendation.unknowns:
            out.print(
                msg("  ? {answer} (could change the first place)", answer=_ground(unknown.ground))
                if unknown.could_change
                else msg("  ? {answer} (would not change it)", answer=_ground(unknown.ground))
            )
            out.print(f"    {out.words(unknown.find_out)}")
    out.print("")
    if not recommendation.would_change:
        out.print(msg("No single other answer would change the first place."))
        return
    out.print(msg("Another answer to one of these would change the first place:"))
    for change in recommendation.would_change:
        answer = _ground(Ground(question=change.question, value=change.value))
        out.print(msg("  {answer} → option {option}", answer=answer, option=change.first))


def _print_option(place: int, ranked: Ranked, out: Output) -> None:
    option = OPTIONS[ranked.option]
    stars = "  ".join(
        f"{out.words(name)} {_STAR * count}{_NO_STAR * (3 - count)}"
        for name, count in (
            (msg("avoids censorship"), option.stars.censorship),
            (msg("speed"), option.stars.speed),
            (msg("ease"), option.stars.ease),
        )
    )
    out.print(
        msg(
            "{place}. Option {option}: {title}",
            place=place,
            option=ranked.option,
            title=option.title,
        )
    )
    out.print(f"   {out.words(_VERDICTS[ranked.verdict])}   {stars}")
    for hit in ranked.ruled_out_by:
        out.print(f"   ✗ {_with_ground(hit.message, hit.ground, out)}")
        for value in hit.back:
            answer = _ground(Ground(question=hit.ground.question, value=value))
            out.print(msg("     would come back with: {answer}", answer=answer))
    for point in ranked.open_points:
        out.print(f"   ? {out.words(point.message)}")
    for reason in ranked.reasons_for:
        out.print(f"   + {_with_ground(reason.message, reason.ground, out)}")
    for reason in ranked.reasons_against:
        out.print(f"   − {_with_ground(reason.message, reason.ground, out)}")
    for condition in ranked.conditions:
        out.print(f"   → {out.words(condition.message)}")
    if ranked.verdict is not Verdict.RULED_OUT:
        for note in option.notes:
            out.print(f"   ! {out.words(note)}")


def _with_ground(message: Message, ground: Ground, out: Output) -> str:
    return f"{out.words(message)}  [{out.words(_ground(ground))}]"


def _ground(ground: Ground) -> Message:
    """An answer in words: the question and what was answered."""
    asked = question(ground.question)
    values = (ground.value,) if isinstance(ground.value, str) else ground.value or ()
    labels = [choice.label for value in values for choice in asked.choices if choice.value == value]
    answer = listed(labels) if labels else msg("(not answered)")
    return msg("{question} {answer}", question=asked.text, answer=answer)


def recommendation_json(recommendation: Recommendation) -> dict[str, Any]:
    """The recommendation as in ``--json``; messages also in plain English."""

    def words(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"template", "values"}:
                return str(Message(**value))
            return {key: words(item) for key, item in value.items()}
        if isinstance(value, list):
            return [words(item) for item in value]
        return value

    result = words(recommendation.model_dump(mode="json"))
    return dict(result)


def print_questions(out: Output) -> None:
    """Every question with the values an answers file may give it, and why it is asked."""
    for asked in QUESTIONS:
        out.print(
            msg(
                "{id}: {question} (several may be given as a list)",
                id=asked.id,
                question=asked.text,
            )
            if asked.multi
            else msg("{id}: {question}", id=asked.id, question=asked.text)
        )
        out.print(f"    {out.words(asked.why)}")
        for choice in asked.choices:
            out.print(f"    {choice.value:18} {out.words(choice.label)}")
    out.json(
        {
            "questions": [
                {
                    "id": asked.id,
                    "text": str(asked.text),
                    "why": str(asked.why),
                    "several": asked.multi,
                    "values": [choice.value for choice in asked.choices],
                }
                for asked in QUESTIONS
            ]
        }
    )
