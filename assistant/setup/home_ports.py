"""High ports that a home line may be reached at (option 4): candidates for testing. Pure."""

from __future__ import annotations

import random

LOWEST, HIGHEST = 20000, 32767
"""Above the ports that providers close and scanners try first, below those that Linux gives to
outgoing connections (32768 and up, ``ip_local_port_range``)."""

_AVOIDED = frozenset(
    {
        20000,  # DNP3: watched as industrial control
        22222,
        23333,
        25565,  # a game whose servers are scanned for all day
        26656,
        27015,
        27017,  # a database likewise
        27018,
        28017,
        30000,
        30303,
        31337,  # on every list of trouble since 1998
        32400,
        32764,  # back door of old routers
    }
)


def candidate_ports(seed: str, count: int = 12) -> tuple[int, ...]:
    """Ports worth trying, best first, the same for the same ``seed`` (such as the setup's name).

    Different setups get different ones, so that no list of them tells what they are. No port ends
    in 80 or 443, which are proxies' habits, and none has all digits alike in its last three.
    """
    order = random.Random(f"matrix-assistant {seed}")  # noqa: S311 - nothing secret
    ports = [port for port in range(LOWEST, HIGHEST + 1) if _plain(port)]
    return tuple(order.sample(ports, count))


def _plain(port: int) -> bool:
    last = str(port)[-3:]
    habit = last.endswith("80") or last == "443" or len(set(last)) == 1
    return port not in _AVOIDED and not habit
