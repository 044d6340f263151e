"""The way messages take is found as Synapse finds it, and a private name is never asked for."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.findings.model import Measurement
from checks.host.asked import PROBE, hosts_records
from checks.service.delivery import judge_delivery
from checks.service.matrix import MatrixCheck
from tests.support.checks_values import measured, of_option, texts

GOOD = measured("inside signing-key", vantage="outside", kind="http", status=200)
BAD = measured("inside signing-key", "timeout", "outside", "http")


def by_name(error: str = "", **data: Any) -> Measurement:
    return measured("inside delivery", error, "outside", "http", **data)


@pytest.mark.parametrize(
    ("found", "direct", "allowed", "cause"),
    [
        (by_name(address="8.8.8.8"), GOOD, None, ""),
        (by_name("timeout", address="8.8.8.8"), GOOD, None, "federation-elsewhere"),
        (by_name("name"), GOOD, None, "federation-elsewhere"),
        (by_name("timeout", address="8.8.8.8"), BAD, None, ""),
        (by_name("timeout"), None, None, ""),
        (by_name(address="10.0.0.9"), GOOD, None, "federation-address-refused"),
        (by_name("refused", address="fe80::1%eth0"), GOOD, None, "federation-address-refused"),
        (by_name(address="10.0.0.9"), GOOD, ["10.0.0.0/24"], ""),
        (by_name(address="127.0.0.31"), GOOD, ["127.0.0.31/32"], ""),
    ],
)
def test_the_way_of_messages(
    found: Measurement, direct: Measurement | None, allowed: list[str] | None, cause: str
) -> None:
    finding = judge_delivery("inside", "outside", "im.example.cn", found, direct, allowed)
    assert (finding.cause if finding else "") == cause
    if finding is not None:
        texts([finding])
        assert finding.remedy is not None


def asked(option: int, names: dict[str, list[str]] | None) -> dict[str, Any]:
    data = {"names": names} if names is not None else {}
    item = measured(PROBE, vantage="outside", kind="own-state", **data)
    context = of_option(option, measured={("running", "outside"): (item,)})
    probes = MatrixCheck().probes(context, "outside")
    return {p.id: p.fields for p in probes if p.id.endswith("delivery")}


@pytest.mark.parametrize("option", [3, 4])
def test_a_private_name_is_looked_up_only_where_it_is_at_home(option: int) -> None:
    names = {n: sorted(v) for n, v in hosts_records(of_option(option), "outside").items()}
    (fields,) = asked(option, names).values()
    assert "address" not in fields
    assert asked(option, {}) == asked(option, None) == {}


def test_a_public_name_is_looked_up() -> None:
    assert list(asked(2, None)) == ["inside delivery"]
