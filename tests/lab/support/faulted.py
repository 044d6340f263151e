"""What tests of faults share: an apply while a fault lasts, and what must be true of its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from assistant.setup.model import Setup
from tests.lab.conftest import Cli, Ended, Practice

APPLY = ("--unattended", "--skip-checks", "--json")

Saved = Callable[[Setup], Path]


def sentence(ended: Ended, code: int) -> str:
    """The message for people, once everything else about it is as documented."""
    assert ended.code == code, (ended.code, ended.out, ended.err)
    assert "Traceback" not in ended.out + ended.err
    value = json.loads(ended.out)
    text = value.get("error", {}).get("text") or value["hosts"][0]["text"]
    assert text.endswith((".", "?")), text
    first = text.splitlines()[0]
    assert first in ended.err or json.dumps(first, ensure_ascii=False)[1:-1] in ended.out
    return str(text)


Fault = AbstractAsyncContextManager[object]


def applied_during(
    practice: Practice, cli: Cli, saved: Saved, setup: Setup, *faults: Fault
) -> Ended:
    """How the command line ends an apply while faults last."""
    argv = ("apply", "--setup", str(saved(setup)), *APPLY)

    async def story() -> Ended:
        async with AsyncExitStack() as stack:
            for fault in faults:
                await stack.enter_async_context(fault)
            return await asyncio.to_thread(cli, *argv)

    return practice.run(story())


def told(ended: Ended, cause: str, *parts: str) -> str:
    """The sentence of a host that failed for a cause; it holds these parts."""
    text = sentence(ended, 4)
    (result,) = json.loads(ended.out)["hosts"]
    assert result["cause"] == cause, result
    for part in parts:
        assert part in text, text
    return text


def with_settings(setup: Setup, **values: object) -> Setup:
    return setup.model_copy(update={"settings": setup.settings.model_copy(update=values)})


def with_mirror(setup: Setup, **values: object) -> Setup:
    assert setup.settings.mirror is not None
    return with_settings(setup, mirror=setup.settings.mirror.model_copy(update=values))
