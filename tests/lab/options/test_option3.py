"""Option 3: the server inside has no public name; devices and the other server hold a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.conftest import Practice
from tests.lab.support.two_servers import (
    assert_journey,
    assert_no_text,
    assert_secrets_stay,
    talk_a_little,
)


def test_from_answers_to_messages_in_both_directions(practice: Practice) -> None:
    standing = practice.standing(3)
    assert_journey(standing)
    assert 80 not in standing.report.open_ports["inside"]


@pytest.mark.usefixtures("bad_line")
def test_nobody_asks_a_resolver_for_the_private_name(practice: Practice, tmp_path: Path) -> None:
    standing = practice.standing(3)
    before = len(practice.lab.queries())

    async def watched() -> list[str]:
        async with practice.lab.border.capture(tmp_path / "border.pcap"):
            return list(await talk_a_little(standing.setup))

    texts = practice.run(watched())
    assert_no_text(tmp_path / "border.pcap", texts)
    asked = practice.lab.queries()[before:]
    # The other server's public name is asked for: the log does see what is asked.
    assert any(query.name == standing.setup.outside_name for query in asked)
    private = [query for query in asked if standing.setup.server_name in query.name]
    assert private == []


def test_secrets_stay_where_they_belong(practice: Practice) -> None:
    assert_secrets_stay(practice, practice.standing(3))
