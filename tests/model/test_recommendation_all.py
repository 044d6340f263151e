"""Every combination of answers that matters, against rules written down here a second time.

How much is tried: verdicts rest on eight questions; all 207,360 combinations of their answers
("not answered" and "I don't know" included) are compared with the rules below. For the first
place, answers with the same effect stand for each other (a test shows that they do), and the three
questions about the home line are folded into the six outcomes they can have together: that leaves
622,080 combinations, which stand for all 199,065,600.
"""

from __future__ import annotations

import itertools
import math
import random

from assistant.advice.ranking import DECIDING, EFFECTS, Effect, Verdict, decide, deciding_values
from assistant.advice.recommendation import recommend
from assistant.advice.sensitivity import Ground
from assistant.answers import QUESTIONS, Answers, AnswerValue, applicable, question, with_answer

NEEDS = (
    "mainland_server",
    "operator",
    "filing",
    "consequence",
    "device_records",
    "home_line",
    "port_forwarding",
    "line_loss",
)
HOME = ("home_line", "port_forwarding", "line_loss")
NOT_KNOWN = (None, "unknown")


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to repeat the same test, not to keep a secret


def expected(option: int, given: dict[str, str | None]) -> Verdict:
    """The hard rules as they were given, in plain code."""
    if option == 1:
        return Verdict.POSSIBLE
    server, operator = given["mainland_server"], given["operator"]
    out = server == "no"
    unsure = server in NOT_KNOWN
    if option in (2, 4):
        out |= operator == "nobody_inside"
        unsure |= operator in NOT_KNOWN
    if option == 2:
        out |= given["filing"] == "will_not"
        unsure |= given["filing"] in NOT_KNOWN or operator == "other_inside"
    if option in (3, 4):
        out |= given["consequence"] == "none"
        unsure |= given["consequence"] is None
    if option == 3:
        out |= given["device_records"] == "no"
        unsure |= given["device_records"] in NOT_KNOWN
    if option == 4:
        out |= given["home_line"] in ("cgnat", "none") or given["port_forwarding"] == "no"
        out |= given["line_loss"] == "no"
        unsure |= given["home_line"] in NOT_KNOWN or given["port_forwarding"] in NOT_KNOWN
        unsure |= given["line_loss"] is None
    if out:
        return Verdict.RULED_OUT
    return Verdict.UNSURE if unsure else Verdict.POSSIBLE


def all_values(question_id: str) -> tuple[str | None, ...]:
    return (None, *question(question_id).values)


def test_verdicts_follow_the_hard_rules_in_every_combination() -> None:
    count = 0
    for combination in itertools.product(*(all_values(name) for name in NEEDS)):
        given = dict(zip(NEEDS, combination, strict=True))
        decision = decide(given)
        count += 1
        for option in (1, 2, 3, 4):
            assert decision.verdict(option) is expected(option, given), (option, given)
    assert count == 5 * 6 * 6 * 4 * 4 * 6 * 4 * 3 == 207_360
    for name in set(DECIDING) - set(NEEDS):  # so no other answer has a part in the verdicts
        assert all(not (e.ruled_out or e.doubtful) for e in EFFECTS[name].values())


def representatives(question_id: str) -> list[str | None]:
    """One answer for each different effect; the missing answer stands for those like it."""
    found: dict[Effect, str | None] = {}
    for value, effect in EFFECTS[question_id].items():
        found.setdefault(effect, value)
    return list(found.values())


def folded_home() -> list[dict[str, str | None]]:
    """One combination of the home-line answers for each thing they can mean together."""
    seen: dict[tuple[object, ...], dict[str, str | None]] = {}
    for combination in itertools.product(*(all_values(name) for name in HOME)):
        effects = [EFFECTS[name][value] for name, value in zip(HOME, combination, strict=True)]
        out = any(effect.ruled_out for effect in effects)
        key = (
            out,
            not out and any(effect.doubtful for effect in effects),
            tuple(map(sum, zip(*(effect.points for effect in effects), strict=True))),
        )
        seen.setdefault(key, dict(zip(HOME, combination, strict=True)))
    return list(seen.values())


def test_equal_effects_mean_equal_decisions() -> None:
    dice = seeded(1)
    homes = folded_home()
    for _ in range(20_000):
        given = {name: dice.choice(all_values(name)) for name in DECIDING}
        other = dict(given)
        for name in DECIDING:
            effect = EFFECTS[name][given[name]]
            other[name] = dice.choice([v for v, e in EFFECTS[name].items() if e == effect])
        assert decide(given) == decide(other)
    bit = 1 << 4
    for name in HOME:  # the home line touches nothing but option 4
        for effect in EFFECTS[name].values():
            assert effect.ruled_out | effect.doubtful | bit == bit
            assert effect.points[:3] == (0, 0, 0)
            assert not effect.outside_first
    assert len(homes) == 6


def test_first_places_in_every_combination() -> None:
    others = [name for name in DECIDING if name not in HOME]
    axes = [representatives(name) for name in others]
    homes = folded_home()
    firsts = bytearray()
    seen: set[int] = set()
    given: dict[str, AnswerValue] = {}
    for combination in itertools.product(*axes):
        given.update(zip(others, combination, strict=True))
        outside = given["people"] not in ("mostly_inside", "both")
        for home in homes:
            given.update(home)
            decision = decide(given)
            first = decision.order[0]
            assert decision.verdicts[first - 1] is Verdict.POSSIBLE
            if outside:
                assert first == 1
            if first > 2:  # a risk to people is never advised to those who did not accept it
                assert given["consequence"] == "questioned"
            firsts.append(first)
        seen.update(firsts[-len(homes) :])
    assert seen == {1, 2, 3, 4}
    sizes = [len(axis) for axis in axes] + [len(homes)]
    total = 1
    for size in sizes:
        total *= size
    assert len(firsts) == total == 622_080
    assert math.prod(len(all_values(name)) for name in DECIDING) == 199_065_600

    # Not knowing never gains: where a missing answer leaves another option than 1 in the first
    # place, no definite answer to that question would have put option 1 there.
    strides = [1] * len(sizes)
    for position in range(len(sizes) - 2, -1, -1):
        strides[position] = strides[position + 1] * sizes[position + 1]
    for position, axis in enumerate(axes):
        missing = [place for place, value in enumerate(axis) if value in NOT_KNOWN]
        assert len(missing) <= 1
        if not missing or others[position] == "federation":
            continue  # unset federation is no unknown: the program's default is own servers only
        stride, size = strides[position], sizes[position]
        for start in range(0, total, stride * size):
            rows = [firsts[start + n * stride : start + (n + 1) * stride] for n in range(size)]
            unknown = rows[missing[0]]
            if unknown.count(1) == stride:
                continue
            for row in rows:
                for mine, theirs in zip(unknown, row, strict=True):
                    assert mine == 1 or theirs != 1, (others[position], start)


def some_answers(dice: random.Random, definite: float = 0.8) -> Answers:
    """Random answers; ``definite`` is the share of questions that get a definite answer."""
    given: dict[str, object] = {}
    for item in QUESTIONS:
        known = [value for value in item.values if value != "unknown"]
        if dice.random() < definite:
            given[item.id] = dice.choice(known)
        elif item.unknown and dice.random() < 0.5:
            given[item.id] = "unknown"
    return Answers.model_validate(given)


def test_not_knowing_the_home_line_never_gains_either() -> None:
    dice = seeded(2)
    for _ in range(3_000):
        given = deciding_values(some_answers(dice))
        for name in HOME:
            if decide({**given, name: None}).first != 1:
                assert all(
                    decide({**given, name: value}).first != 1 for value in question(name).values
                )


def test_what_does_not_apply_cannot_change_the_first_place() -> None:
    dice = seeded(3)
    tried = 0
    for _ in range(5_000):
        answers = some_answers(dice)
        given = deciding_values(answers)
        asked = {item.id for item in applicable(answers)}
        for name in set(DECIDING) - asked:
            tried += 1
            assert {decide({**given, name: v}).first for v in all_values(name)} == {
                decide(given).first
            }
    assert tried > 5_000


def test_every_reason_names_an_answer_that_was_given() -> None:
    dice = seeded(4)
    for _ in range(600):
        answers = some_answers(dice)
        result = recommend(answers)
        assert sorted(item.option for item in result.ranking) == [1, 2, 3, 4]
        grounds: list[Ground] = [item.ground for item in result.remarks]
        grounds += [item.ground for item in result.unknowns]
        for ranked in result.ranking:
            grounds += [reason.ground for reason in ranked.reasons_for]
            grounds += [reason.ground for reason in ranked.reasons_against]
            grounds += [hit.ground for hit in ranked.ruled_out_by]
            grounds += [point.ground for point in ranked.open_points]
            grounds += [item.ground for item in ranked.conditions if item.ground is not None]
            grounds += [ground for part in ranked.parts for ground in part.grounds]
            assert ranked.score == sum(part.points for part in ranked.parts) + sum(
                reason.points for reason in ranked.adjustments
            )
            assert bool(ranked.ruled_out_by) is (ranked.verdict is Verdict.RULED_OUT)
            if ranked.verdict is Verdict.UNSURE:
                assert ranked.open_points
            if ranked.verdict is Verdict.POSSIBLE:
                assert not ranked.open_points
        for ground in grounds:
            assert answers.value(ground.question) == ground.value


def test_would_change_is_exactly_what_changes_the_first_place() -> None:
    dice = seeded(5)
    changed = 0
    for _ in range(250):
        answers = some_answers(dice, definite=0.9)
        result = recommend(answers)
        claimed = {(item.question, item.value): item.first for item in result.would_change}
        changed += len(claimed)
        assert len(claimed) == len(result.would_change)
        for item in QUESTIONS:
            for value in item.values:
                if value == "unknown" or answers.value(item.id) in (value, (value,)):
                    assert (item.id, value) not in claimed
                    continue
                other = decide(deciding_values(with_answer(answers, item.id, value))).first
                if other == result.first:
                    assert (item.id, value) not in claimed
                else:
                    assert claimed[item.id, value] == other
    assert changed > 100


def test_a_way_back_really_lifts_the_rule() -> None:
    dice = seeded(6)
    for _ in range(120):
        answers = some_answers(dice)
        for ranked in recommend(answers).ranking:
            for hit in ranked.ruled_out_by:
                assert hit.back
                for value in hit.back:
                    after = recommend(with_answer(answers, hit.ground.question, value))
                    now = after.ranked(ranked.option)
                    assert all(
                        other.ground.question != hit.ground.question for other in now.ruled_out_by
                    )


def brute_force(answers: Answers, name: str, missing: list[str]) -> bool:
    """Whether some filling-in of the other missing answers lets this one decide the first place."""
    given = deciding_values(answers)
    beside = [item for item in missing if item != name]
    axes = [[given[item], *(v for v in question(item).values if v != "unknown")] for item in beside]
    own = [given[name], *(v for v in question(name).values if v != "unknown")]
    for combination in itertools.product(*axes):
        case = {**given, **dict(zip(beside, combination, strict=True))}
        if len({decide({**case, name: value}).first for value in own}) > 1:
            return True
    return False


def test_what_a_missing_answer_could_change_agrees_with_trying_everything() -> None:
    dice = seeded(7)
    verdicts = {True: 0, False: 0}
    while sum(verdicts.values()) < 400:
        answers = some_answers(dice, definite=0.75)
        result = recommend(answers)
        missing = [item.ground.question for item in result.unknowns]
        if not 2 <= len(missing) <= 4:
            continue
        for item in result.unknowns:
            truth = brute_force(answers, item.ground.question, missing)
            verdicts[truth] += 1
            assert item.could_change is truth, (answers, item.ground.question)
            assert item.alone <= truth
    assert min(verdicts.values()) > 20


def test_the_same_answers_always_give_the_same_result() -> None:
    dice = seeded(8)
    for _ in range(50):
        answers = some_answers(dice)
        again = Answers.model_validate_json(answers.model_dump_json())
        assert recommend(again).model_dump_json() == recommend(answers).model_dump_json()


def test_effects_are_complete() -> None:
    for name in DECIDING:
        assert set(EFFECTS[name]) == set(all_values(name))
        assert all(isinstance(effect, Effect) for effect in EFFECTS[name].values())
    assert set(DECIDING) == {item.id for item in QUESTIONS} - {"phones"}
