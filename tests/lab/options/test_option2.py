"""Option 2: two servers with public names, federated across a bad line."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.rehearsal.network.pcap import contains
from tests.lab.conftest import Practice
from tests.lab.support.two_servers import (
    assert_journey,
    assert_no_text,
    assert_secrets_stay,
    talk_a_little,
)
from tests.lab.support.undone import assert_taken_back


def test_from_answers_to_messages_in_both_directions(practice: Practice) -> None:
    standing = practice.standing(2)
    assert_journey(standing)
    assert standing.report.open_ports == {"inside": [22, 80, 443], "outside": [22, 80, 443]}


@pytest.mark.usefixtures("bad_line")
def test_the_border_sees_names_but_no_text(practice: Practice, tmp_path: Path) -> None:
    standing = practice.standing(2)

    async def watched() -> list[str]:
        async with practice.lab.border.capture(tmp_path / "border.pcap"):
            return list(await talk_a_little(standing.setup))

    texts = practice.run(watched())
    assert_no_text(tmp_path / "border.pcap", texts)
    # Without this the capture might show nothing because it holds nothing.
    assert contains(tmp_path / "border.pcap", standing.setup.outside_name.encode())


def test_secrets_stay_where_they_belong(practice: Practice) -> None:
    assert_secrets_stay(practice, practice.standing(2))


def test_everything_can_be_taken_back(practice: Practice) -> None:
    assert_taken_back(practice, practice.standing(2))
