"""A Matrix client as a program for a device: ``python -m tests.lab.support.device_client``.

It reads one JSON object from standard input, logs in by the names and routes of the machine it
runs on, joins the room it is invited to, reads the first text there, answers, and prints what it
read.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from assistant.canary.client import Person
from assistant.canary.model import Account, Side

PATIENCE = 60.0
ANSWER = "Read on the device."


async def talk(told: dict[str, Any]) -> tuple[str, ...]:
    """Everything from the login to the answer; returns what was read."""
    side = Side(server_name=told["server_name"], base_url=told["base_url"])
    person = Person(side, Account(told["user_id"], told["password"]), PATIENCE)
    room, other = told["room"], told["other"]
    try:
        await person.log_in()
        await person.accept(room, federate=True)
        await person.share_keys(room, other)
        await person.has_key(room, other)
        async with asyncio.timeout(PATIENCE):
            while not person.heard:
                await asyncio.sleep(0.1)
        await person.send(room, ANSWER)
        return person.heard
    finally:
        await person.leave("")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(talk(json.load(sys.stdin)))))
