"""Which ways lead to the servers of each option, who goes them, and what is measured there."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.findings.model import THIS_COMPUTER, Measurement
from assistant.plan.host_paths import FORWARD_PORT, LINK_ADDRESS, LINK_PORT
from checks.network.ports_after import PortsAfterCheck
from checks.network.ports_before import PortsBeforeCheck
from checks.network.ways import served, visitors_of, ways
from checks.service.matrix import MatrixCheck
from checks.service.matrix_rules import ASKED, PEERS_ASK
from checks.service.tls import TlsCheck, advice
from checks.service.tls_rules import Hellos, judge_hellos
from tests.support.checks_values import brief, measured, of_option, texts
from tests.support.option_setups import INSIDE_NAME, OUTSIDE_NAME

INSIDE, OUTSIDE, HOME = "241.0.5.9", "241.0.3.7", "241.0.8.2"
WRAPPED = {"home_link": "wrapped", "outside_link": "wrapped"}


def shown(option: int, **settings: Any) -> set[tuple[str, str, int, str, tuple[str, ...]]]:
    """The IPv4 ways of an option."""
    return {
        (way.host, way.address, way.port, way.purpose, way.vantages)
        for way in ways(of_option(option, settings=settings))
        if ":" not in way.address
    }


HERE = THIS_COMPUTER
TO_OUTSIDE = ("outside", OUTSIDE, 443, "clients", (HERE, "inside"))
OPTION_4_OUTSIDE = ("outside", OUTSIDE, 443, "clients", (HERE, "home", "inside"))


@pytest.mark.parametrize(
    ("option", "settings", "expected"),
    [
        (1, {}, {("outside", OUTSIDE, 443, "clients", (HERE,))}),
        (2, {}, {("inside", INSIDE, 443, "clients", (HERE, "outside")), TO_OUTSIDE}),
        (3, {}, {("inside", INSIDE, 443, "clients", (HERE, "outside")), TO_OUTSIDE}),
        (
            3,
            WRAPPED,
            {
                ("inside", INSIDE, 443, "clients", (HERE,)),
                ("inside", LINK_ADDRESS, 443, "federation", ("outside",)),
                TO_OUTSIDE,
            },
        ),
        (
            4,
            {},
            {
                ("home", "127.0.0.1", 20443, "link", ("home",)),
                ("home", HOME, 20443, "clients", (HERE, "inside", "outside")),
                ("inside", INSIDE, 443, "federation", ("outside",)),
                OPTION_4_OUTSIDE,
            },
        ),
        (
            4,
            WRAPPED,
            {
                ("home", "127.0.0.1", 20443, "link", ("home",)),
                ("home", HOME, 20443, "clients", (HERE,)),
                ("inside", LINK_ADDRESS, 443, "federation", ("outside",)),
                OPTION_4_OUTSIDE,
            },
        ),
    ],
)
def test_ways(option: int, settings: dict[str, str], expected: set[Any]) -> None:
    assert shown(option, **settings) == expected


def test_no_probe_says_the_main_name_where_the_link_hides_it() -> None:
    for option in (2, 3, 4):
        seen = of_option(option, settings=WRAPPED)
        for vantage in ("outside", "inside", "home"):
            if vantage not in seen.vantages:
                continue
            for check in (TlsCheck(), MatrixCheck()):
                for probe in check.probes(seen, vantage):
                    said = probe.fields.get("sni") or probe.fields.get("url", "")
                    to = str(probe.fields.get("host") or probe.fields.get("address") or "127.")
                    assert INSIDE_NAME not in said or to.startswith("127."), probe


def test_the_home_line_serves_at_its_present_address() -> None:
    visit = measured("visit", vantage="home", kind="http", status=200, body="241.0.8.77\n")
    seen = of_option(4, measured={("home", "home"): (visit,)})
    assert {i.addresses[0] for i in served(seen) if i.host == "home"} == {"241.0.8.77"}
    assert next(i for i in served(seen) if i.host == "home").server == "inside"


@pytest.mark.parametrize(
    ("option", "settings", "host", "port", "expected"),
    [
        (2, {}, "inside", 443, (HERE, "outside")),
        (3, {"outside_link": "wrapped"}, "inside", 443, (HERE,)),
        (3, {"outside_link": "wrapped"}, "inside", LINK_PORT, ("outside",)),
        (3, {}, "inside", 853, (HERE, "outside")),
        (4, {}, "inside", 443, ("outside",)),
        (4, {}, "inside", FORWARD_PORT, ("home",)),
        (4, WRAPPED, "inside", LINK_PORT, ("home", "outside")),
        (4, {}, "home", 20443, (HERE, "inside", "outside")),
        (4, {}, "outside", 443, (HERE, "home", "inside")),
    ],
)
def test_who_must_reach_a_port(
    option: int, settings: dict[str, str], host: str, port: int, expected: tuple[str, ...]
) -> None:
    seen = of_option(option, settings=settings)
    assert visitors_of(seen, seen.host(host), port) == expected


def test_a_port_is_tried_only_from_where_it_matters() -> None:
    seen = of_option(4, phase="before")
    ids = {probe.id for probe in PortsBeforeCheck().probes(seen, HERE)}
    assert f"inside 443 {INSIDE}" not in ids and f"home 20443 {HOME}" in ids
    ids = {probe.id for probe in PortsBeforeCheck().probes(seen, "home")}
    assert f"inside {FORWARD_PORT} {INSIDE}" in ids
    # That nothing else answers is looked at from everywhere.
    ids = {probe.id for probe in PortsAfterCheck().probes(of_option(4), HERE)}
    assert f"inside 5432 {INSIDE}" in ids and f"inside 443 {INSIDE}" not in ids


def test_inbound_web_ports_of_a_home_line_are_nobodys_business() -> None:
    for check, phase in ((PortsBeforeCheck(), "before"), (PortsAfterCheck(), "after")):
        seen = of_option(4, phase=phase)
        for vantage in (HERE, "inside", "outside"):
            for probe in check.probes(seen, vantage):
                if probe.fields["host"] == HOME:
                    assert probe.fields["port"] not in (80, 443)


def test_questions_of_each_place() -> None:
    check, seen = MatrixCheck(), of_option(4)
    here = {p.id: p.fields["url"] for p in check.probes(seen, HERE)}
    assert {f"home {aspect}" for aspect in ASKED} <= set(here)
    assert here["home versions"].startswith(f"https://{INSIDE_NAME}:20443/")
    assert not any(key.startswith("inside ") for key in here)
    out = {p.id: p.fields for p in check.probes(seen, "outside")}
    assert {f"inside {aspect}" for aspect in PEERS_ASK} <= set(out)
    assert out["inside federation"]["url"] == f"https://{INSIDE_NAME}/_matrix/federation/v1/version"
    assert out["inside federation"]["address"] == INSIDE
    back = {p.id: p.fields for p in check.probes(seen, "inside")}
    assert {f"outside {aspect}" for aspect in PEERS_ASK} <= set(back)
    assert back["outside signing-key"]["url"].startswith(f"https://{OUTSIDE_NAME}/")
    assert "home federation" not in back
    home = {p.id: p.fields for p in check.probes(seen, "home")}
    assert home["home versions"]["address"] == "127.0.0.1"


def test_through_a_wrapped_link_the_other_server_asks_its_near_end() -> None:
    seen = of_option(3, settings=WRAPPED)
    out = {p.id: p.fields for p in MatrixCheck().probes(seen, "outside")}
    assert out["inside federation"]["address"] == LINK_ADDRESS


def test_each_server_is_compared_with_its_own_names() -> None:
    def well_known(base: str) -> Measurement:
        body = f'{{"m.homeserver": {{"base_url": "{base}"}}}}'
        headers = {"access-control-allow-origin": "*"}
        return measured(kind="http", status=200, headers=headers, body=body)

    right = {"home": f"https://{INSIDE_NAME}:20443", "outside": f"https://{OUTSIDE_NAME}"}
    check = MatrixCheck()
    items = tuple(
        well_known(base).model_copy(update={"probe": f"{host} well-known-client"})
        for host, base in right.items()
    )
    found = check.judge(of_option(4, measured={(check.id, HERE): items}))
    assert brief(found) == [(f"{host} well-known-client", "ok", "") for host in right]
    swapped = tuple(
        well_known(f"https://{INSIDE_NAME}").model_copy(update={"probe": f"{h} well-known-client"})
        for h in right
    )
    found = check.judge(of_option(4, measured={(check.id, HERE): swapped}))
    assert {f.cause for f in found} == {"well-known-wrong"} and texts(found)


RESET = measured(error="reset", kind="tls", connected=True)
FINE = measured(kind="tls", connected=True)
HANG = measured(error="timeout", kind="tls", connected=True)
CUT = Hellos((RESET,) * 3, (FINE,), again=(FINE,) * 2)


@pytest.mark.parametrize(
    ("option", "vantage", "host", "action", "words"),
    [
        (3, "outside", "inside", "wrap-outside-link", "outside_link"),
        (4, "outside", "inside", "wrap-outside-link", "outside_link"),
        (4, "home", "home", "wrap-home-link", "home_link"),
        (2, HERE, "inside", "", "备案"),
        (3, HERE, "inside", "", "option 4"),
        (4, HERE, "home", "", "another port"),
    ],
)
def test_what_helps_where_a_name_is_cut(
    option: int, vantage: str, host: str, action: str, words: str
) -> None:
    seen = of_option(option)
    way = next(w for w in ways(seen) if w.host == host and vantage in w.vantages)
    (found,) = judge_hellos(
        host, way.name, way.address, {vantage: CUT}, None, advice=lambda v: advice(seen, way, v)
    )
    assert found.cause == "name-filtered" and found.remedy is not None
    assert found.remedy.action == action and words in texts([found])


def test_other_names_have_no_link_to_wrap() -> None:
    seen = of_option(3)
    way = next(w for w in ways(seen) if w.host == "outside")
    assert advice(seen, way, "inside") is None
    one = of_option(1)
    assert advice(one, ways(one)[0], HERE) is None


def test_sides_of_the_border_are_judged_apart() -> None:
    good = Hellos((measured(kind="tls", connected=True, der="!"),) * 3, (FINE,))
    seen = {HERE: good, "outside": CUT}
    apart = {HERE: HERE, "outside": "outside"}
    causes = [f.cause for f in judge_hellos("inside", "n", INSIDE, seen, None, sides=apart)]
    assert causes == ["", "name-filtered"]
    causes = [f.cause for f in judge_hellos("inside", "n", INSIDE, seen, None)]
    assert causes == ["", "undecided"]


@pytest.mark.parametrize(
    ("large", "cause"),
    [([HANG] * 3, "packets-too-large"), ([HANG] * 2, ""), ([HANG, HANG, FINE], ""), ([], "")],
)
def test_long_hellos_that_hang(large: list[Measurement], cause: str) -> None:
    fine = measured(kind="tls", connected=True, der="!")
    seen = {"inside": Hellos((fine,) * 3, (FINE,), tuple(large))}
    found = tuple(judge_hellos("home", "n", HOME, seen, None, port=20443))
    assert [f.cause for f in found] == (["", cause] if cause else [""])
    assert found[0].subject == f"home n {HOME}:20443" and texts(found)


def test_tls_of_the_line_is_compared_with_the_server_behind_it() -> None:
    check, seen = TlsCheck(), of_option(4)
    ids = {probe.id: probe for probe in check.probes(seen, "inside")}
    assert ids[f"{INSIDE_NAME} inside itself"].fields["port"] == 443
    at_home = {probe.id: probe for probe in check.probes(seen, "home")}
    link = at_home[f"{INSIDE_NAME} 127.0.0.1:20443"]
    assert link.fields["port"] == 20443 and link.fields["sni"] == INSIDE_NAME
    here = {probe.id: probe for probe in check.probes(seen, HERE)}
    real, large = here[f"{INSIDE_NAME} {HOME}:20443"], here[f"large {INSIDE_NAME} {HOME}:20443"]
    assert (large.fields["size"], real.fields["size"]) == ("large", "small")
    assert large.lane == real.lane == f"{HOME}:20443"
