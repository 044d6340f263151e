"""The four options as data."""

from __future__ import annotations

import pytest

from assistant.advice.options import OPTIONS, LinkKind, NameSource, NodeKind, acknowledged
from assistant.setup.model import ROLES
from assistant.text import render


def test_stars_are_those_of_the_design() -> None:
    table = {
        number: (option.stars.censorship, option.stars.speed, option.stars.ease)
        for number, option in OPTIONS.items()
    }
    assert table == {1: (3, 1, 3), 2: (1, 3, 3), 3: (2, 3, 1), 4: (2, 2, 3)}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_drawing_has_every_host_and_every_link_two_ends(number: int) -> None:
    option = OPTIONS[number]
    assert option.number == number
    nodes = option.topology.nodes
    assert len({node.id for node in nodes}) == len(nodes)
    assert {node.role for node in nodes if node.role} == set(ROLES[number]) == set(option.roles)
    used = set()
    for link in option.topology.links:
        used |= {option.topology.node(link.start).id, option.topology.node(link.end).id}
        assert link.both_ways is (link.name_back is not None)
    assert used == {node.id for node in nodes}
    for node in nodes:
        if node.kind is NodeKind.PEOPLE:
            kinds = [link.kind for link in option.topology.links if link.start == node.id]
            assert kinds == [LinkKind.CLIENTS]


def test_who_crosses_the_border() -> None:
    crossing = {
        number: [
            (link.start, link.end)
            for link in option.topology.links
            if option.topology.crosses_border(link)
        ]
        for number, option in OPTIONS.items()
    }
    between = [("outside", "inside")]
    assert crossing == {1: [("people-inside", "outside")], 2: between, 3: between, 4: between}


def test_only_option_three_needs_records_on_devices() -> None:
    with_records = {
        number
        for number, option in OPTIONS.items()
        for link in option.topology.links
        if link.name is NameSource.DEVICE_RECORD
    }
    assert with_records == {3}


def test_the_risky_options_ask_for_a_typed_text_and_a_test() -> None:
    for number, option in OPTIONS.items():
        assert option.test_first is (number in (3, 4))
        assert (option.acknowledgement is not None) is (number in (3, 4))
        assert option.notes
        assert option.needs


@pytest.mark.parametrize(
    ("number", "typed", "accepted"),
    [
        (1, "", True),
        (2, "", True),
        (3, "I accept the risks of option 3", True),
        (3, "  i accept  the risks of option 3. ", True),
        (3, "I accept the risks of option 4", False),
        (3, "yes", False),
        (4, "", False),
        (4, "I accept the risks of option 4", True),
    ],
)
def test_acknowledgement(number: int, typed: str, accepted: bool) -> None:
    assert acknowledged(number, typed) is accepted


def test_icp_is_glossed_and_no_option_advises_a_false_statement() -> None:
    assert "ICP 备案" in render(OPTIONS[2].summary)
    notes = " ".join(render(note) for note in OPTIONS[2].notes)
    assert "Give the true purpose in a filing" in notes
