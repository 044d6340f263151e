"""What is set up at a place between programs and the network, read there."""

from __future__ import annotations

import urllib.request

from assistant.onhost.probes.exchange import Attempt


def here(attempt: Attempt) -> None:
    """``data.proxies``: for which protocols one is set. Its address may hold a password and is not
    told. Probes never use one; programs do.
    """
    attempt.data["proxies"] = sorted(name for name in urllib.request.getproxies() if name != "no")
