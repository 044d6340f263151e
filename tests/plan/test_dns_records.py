"""Records by provider: signed updates to a real server, lexicon with a stand-in for its client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from lexicon.exceptions import AuthenticationError, ProviderNotAvailableError

from assistant.cli import main
from assistant.dns_records.publish import Outcome, check, set_records
from assistant.plan.dns_providers import PROVIDERS, provider_named
from assistant.plan.model import Record
from assistant.plan.records import records
from assistant.setup.model import DnsProvider, DnsUpdate, Role
from assistant.setup.store import create_setup
from assistant.text import msg
from tests.support.dns_server import Zone, serving
from tests.support.plan_setups import ADDRESSES, V4, V6, several

KEY = "c2VjcmV0LWNhbmFyeS12YWx1ZS0xMjM0NTY3ODkwYWI="
MAIN, OTHER = "im.family.example", "out.family.example"
INSIDE4, _ = ADDRESSES[Role.INSIDE]


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone("family.example", ("k.", KEY))) as made:
        yield made


def rfc2136(zone: Zone) -> DnsProvider:
    return DnsProvider(
        name="rfc2136", update=DnsUpdate(server="127.0.0.1", port=zone.port, key_name="k.")
    )


def states(found: tuple[Outcome, ...]) -> list[tuple[str, str, str]]:
    return [(item.record.name, item.record.type, item.state) for item in found]


def run(work: Any) -> tuple[Outcome, ...]:
    found: tuple[Outcome, ...] = asyncio.run(work)
    assert "canary" not in repr(found)
    assert KEY not in repr(found)
    return found


def test_signed_updates_bring_a_zone_to_the_plan_and_then_change_nothing(zone: Zone) -> None:
    plan = records(several(2))
    looked = run(check(plan, rfc2136(zone), KEY))
    assert {item.state for item in looked} == {"wrong"}
    assert zone.updates == 0
    made = run(set_records(plan, rfc2136(zone), KEY))
    assert {item.state for item in made} == {"changed"}
    assert zone.data == {
        (MAIN, "A"): {INSIDE4: 300},
        (MAIN, "AAAA"): {"3fff:0:5::9": 300},
        (OTHER, "A"): {V4: 300},
        (OTHER, "AAAA"): {V6: 300},
    }
    before = zone.updates
    assert {item.state for item in run(set_records(plan, rfc2136(zone), KEY))} == {"right"}
    assert {item.state for item in run(check(plan, rfc2136(zone), KEY))} == {"right"}
    assert zone.updates == before


def test_old_values_and_an_alias_in_the_way_are_taken_away(zone: Zone) -> None:
    zone.data = {(MAIN, "A"): {"241.0.9.9": 300, INSIDE4: 300}, (OTHER, "CNAME"): {"x.example.": 9}}
    run(set_records(records(several(2)), rfc2136(zone), KEY))
    assert zone.data[(MAIN, "A")] == {INSIDE4: 300}
    assert not zone.data[(OTHER, "CNAME")]
    assert zone.data[(OTHER, "A")] == {V4: 300}


def test_private_names_are_taken_out_of_public_dns(zone: Zone) -> None:
    zone.data = {
        (MAIN, "A"): {INSIDE4: 300},
        (f"_matrix._tcp.{MAIN}", "SRV"): {f"10 0 443 {MAIN}.": 300},
    }
    made = run(set_records(records(several(3)), rfc2136(zone), KEY))
    assert not any(zone.data[key] for key in zone.data if MAIN in key[0])
    assert {item.state for item in made if item.record.must == "absent"} == {"changed", "right"}
    assert zone.data[(OTHER, "A")] == {V4: 300}


def test_what_the_home_host_keeps_current_is_set_once_only(zone: Zone) -> None:
    plan = records(several(4))
    run(set_records(plan, rfc2136(zone), KEY))
    assert zone.data[(MAIN, "A")] == {ADDRESSES[Role.HOME][0]: 60}
    zone.data[(MAIN, "A")] = {"241.0.8.77": 60}
    made = run(set_records(plan, rfc2136(zone), KEY))
    assert (MAIN, "A", "left") in states(made)
    assert zone.data[(MAIN, "A")] == {"241.0.8.77": 60}


@pytest.mark.parametrize(
    ("key", "refuse", "words"),
    [
        ("not base64!", False, "right form"),
        ("", False, "no token"),
        ("YW5vdGhlciBrZXksIHF1aXRlIHdyb25nLCBvZiAzMmI=", False, "no proper answer"),
        (KEY, True, "REFUSED"),
    ],
)
def test_what_goes_wrong_with_updates_is_a_sentence(
    zone: Zone, key: str, refuse: bool, words: str
) -> None:
    zone.refuse = refuse
    made = run(set_records(records(several(2)), rfc2136(zone), key))
    assert {item.state for item in made} == {"failed"}
    assert all(words in str(item.text) for item in made)
    assert zone.data == {}


def test_a_server_that_is_not_there_or_not_responsible(zone: Zone) -> None:
    away = DnsProvider(name="rfc2136", update=DnsUpdate(server="127.0.0.1", port=1, key_name="k."))
    made = run(check(records(several(2)), away, KEY))
    assert all("no proper answer" in str(item.text) for item in made)
    other = several(2, server_name="im.else.example", outside_name="out.else.example")
    made = run(check(records(other), rfc2136(zone), KEY))
    assert all("does not answer for" in str(item.text) for item in made)


class Provider:
    """What lexicon's client does, on a zone in memory. Class attributes: the provider's side."""

    data: list[dict[str, str]]
    configs: list[dict[str, Any]]
    fail: Exception | None = None
    least_ttl = 0
    hang: threading.Event | None = None

    def __init__(self, config: Any) -> None:
        self.ttl = int(config.resolve("lexicon:ttl"))
        type(self).configs.append(
            {
                key: config.resolve(f"lexicon:{key}")
                for key in ("provider_name", "domain", "resolve_zone_name", "aliyun:auth_secret",
                            "aliyun:auth_key_id")
            }
        )  # fmt: skip

    def __enter__(self) -> Provider:
        if self.hang is not None:
            self.hang.wait(20)
        if self.fail is not None:
            raise self.fail
        return self

    def list_records(self, kind: str, name: str) -> list[dict[str, str]]:
        return [item for item in self.data if item["name"] == name and item["type"] == kind]

    def create_record(self, kind: str, name: str, value: str) -> bool:
        if self.ttl < self.least_ttl:
            raise RuntimeError(f"TTL too low, token {KEY}")
        self.data.append({"type": kind, "name": name, "content": value, "ttl": str(self.ttl)})
        return True

    def delete_record(self, *, rtype: str, name: str, content: str) -> bool:
        gone = (rtype, name, content)
        self.data[:] = [i for i in self.data if (i["type"], i["name"], i["content"]) != gone]
        return True


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> type[Provider]:
    class Fresh(Provider):
        data: list[dict[str, str]] = []  # noqa: RUF012
        configs: list[dict[str, Any]] = []  # noqa: RUF012

    monkeypatch.setattr("lexicon.client.Client", Fresh)
    return Fresh


ALIDNS = DnsProvider(name="alidns", account="LTAI5t")


def test_a_provider_is_brought_to_the_plan_through_lexicon(provider: type[Provider]) -> None:
    provider.data.append({"type": "A", "name": MAIN, "content": "241.0.9.9"})
    plan = records(several(2))
    assert {item.state for item in run(set_records(plan, ALIDNS, KEY))} == {"changed"}
    assert {(i["type"], i["name"], i["content"]) for i in provider.data} == {
        ("A", MAIN, INSIDE4),
        ("AAAA", MAIN, "3fff:0:5::9"),
        ("A", OTHER, V4),
        ("AAAA", OTHER, V6),
    }
    assert {item.state for item in run(check(plan, ALIDNS, KEY))} == {"right"}
    assert provider.configs[0] == {
        "provider_name": "aliyun",
        "domain": MAIN,
        "resolve_zone_name": True,
        "aliyun:auth_secret": KEY,
        "aliyun:auth_key_id": "LTAI5t",
    }


def test_the_zone_of_a_private_name_is_not_asked_for_by_that_name(
    provider: type[Provider],
) -> None:
    run(set_records(records(several(3)), ALIDNS, KEY))
    assert {config["domain"] for config in provider.configs} == {"family.example", OTHER}


def test_a_plan_that_refuses_short_times_gets_longer_ones(provider: type[Provider]) -> None:
    provider.least_ttl = 600
    made = run(set_records(records(several(4)), ALIDNS, KEY))
    assert {item.state for item in made} == {"changed"}
    assert {item["ttl"] for item in provider.data} == {"600"}


def _response(code: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = code
    return requests.HTTPError(f"{code} for url https://x.example/?key={KEY}", response=response)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthenticationError(f"bad {KEY}"), "does not accept the token"),
        (_response(403), "does not accept the token"),
        (_response(429), "too many requests"),
        (_response(500), "HTTP 500"),
        (requests.ConnectionError(f"to ?key={KEY}"), "cannot be reached"),
        (ProviderNotAvailableError("extra"), "copy the lines"),
        (KeyError(KEY), "KeyError"),
    ],
)
def test_what_goes_wrong_at_a_provider_is_a_sentence_without_the_token(
    provider: type[Provider], error: Exception, words: str
) -> None:
    provider.fail = error
    made = run(set_records(records(several(2)), ALIDNS, KEY))
    assert {item.state for item in made} == {"failed"}
    assert all(words in str(item.text) for item in made)


def test_a_provider_that_never_answers_is_given_up(provider: type[Provider]) -> None:
    provider.hang = threading.Event()
    made = run(set_records(records(several(2)), ALIDNS, KEY, seconds=0.3))
    provider.hang.set()
    assert [item.state for item in made] == ["failed"] * 4
    assert "in time" in str(made[0].text)


def test_the_lexicon_names_in_the_table_exist() -> None:
    from lexicon._private.discovery import find_providers

    known = find_providers()
    assert {item.lexicon for item in PROVIDERS.values() if item.lexicon} <= set(known)
    assert provider_named("gandi").lexicon == "gandi"
    nowhere = DnsProvider(name="huaweicloud", account="x")
    made = run(check(records(several(2)), nowhere, KEY))
    assert all("copy the lines" in str(item.text) for item in made)


def test_only_public_records_are_touched(provider: type[Provider]) -> None:
    local = Record(name=MAIN, type="A", values=(INSIDE4,), where="device", why=msg("x"))
    assert run(set_records((local,), ALIDNS, KEY)) == ()
    assert provider.data == []


def test_the_command_shows_lines_and_sets_them_with_a_token(
    zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    setup = several(3, settings={"provider": rfc2136(zone)})
    with create_setup(setup) as handle:
        path = str(handle.path)
    assert main(["records", "--setup", path, "--unattended"]) == 0
    told = capsys.readouterr().out
    assert f"{OTHER}. 300 IN A {V4}" in told
    assert f"{INSIDE4} {MAIN}" in told
    assert f"must not exist: {MAIN}. IN A" in told
    assert zone.updates == 0
    assert main(["records", "--setup", path, "--unattended", "--set"]) == 2
    assert "token" in capsys.readouterr().err
    secrets = tmp_path / "credentials.toml"
    secrets.write_text(f'[dns]\ntoken = "{KEY}"\n')
    secrets.chmod(0o600)
    line = ["records", "--setup", path, "--unattended", "--set", "--json"]
    assert main([*line, "--credentials", str(secrets)]) == 0
    told = capsys.readouterr().out
    assert KEY not in told
    result = json.loads(told)
    assert result["ok"] is True
    assert {item["state"] for item in result["outcomes"]} == {"changed", "right"}
    assert zone.data[(OTHER, "A")] == {V4: 300}
