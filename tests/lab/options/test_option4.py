"""Option 4: a home line in front of the server inside, and wrapped links."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from assistant.plan.host_paths import LINK_PORT
from assistant.rehearsal.network.pcap import addressed_to, contains
from assistant.rehearsal.practice_setup import HOME_PORT
from tests.lab.conftest import Practice
from tests.lab.support.two_servers import (
    assert_journey,
    assert_no_text,
    assert_secrets_stay,
    talk_a_little,
)


def test_from_answers_to_messages_in_both_directions(practice: Practice) -> None:
    standing = practice.standing(4, "wrapped")
    assert_journey(standing)
    assert standing.report.open_ports["home"] == [22, HOME_PORT]
    assert standing.report.open_ports["inside"] == [22, LINK_PORT]


@pytest.mark.usefixtures("bad_line")
def test_what_the_wires_show(practice: Practice, tmp_path: Path) -> None:
    standing = practice.standing(4, "wrapped")
    border, line = tmp_path / "border.pcap", tmp_path / "line.pcap"

    async def watched() -> list[str]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(practice.lab.border.capture(border))
            await stack.enter_async_context(practice.lab.home.capture(line))
            return list(await talk_a_little(standing.setup))

    texts = practice.run(watched())
    for capture in (border, line):
        assert_no_text(capture, texts)
    # The name of the server inside is on neither wire: both links are wrapped.
    assert not contains(border, standing.setup.server_name.encode())
    assert contains(border, standing.setup.outside_name.encode()), "the other name is public"
    assert addressed_to(line, 80) == addressed_to(line, 443) == 0


def test_secrets_stay_where_they_belong(practice: Practice) -> None:
    assert_secrets_stay(practice, practice.standing(4, "wrapped"))
