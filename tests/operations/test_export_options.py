"""What is handed out for every option: which server for whom, and nothing that is not for them."""

from __future__ import annotations

import json
import plistlib
from typing import Any

import pytest
from markdown_it import MarkdownIt

from assistant.change.changes import add_spare_name, set_link
from assistant.export import app_link, homeserver_url, summary_json, summary_markdown
from assistant.export.device_files import device_names, dnsmasq_lines, hosts_lines
from assistant.plan.compile import compile_plan
from assistant.setup.model import DnsProvider, Mirror, Setup
from tests.support.option_setups import INSIDE_NAME, OUTSIDE_NAME, UPDATE, setup

PARSER = MarkdownIt("commonmark").enable("table")
SECRET = "hunter2-hunter2"
OPTIONS = (1, 2, 3, 4)


def shown(made: Setup, audience: Any, language: str = "en") -> str:
    """What a reader sees; nothing may be a link or HTML."""
    markdown = summary_markdown(made, plan=compile_plan(made), audience=audience, language=language)
    seen: list[str] = []
    for token in PARSER.parse(markdown):
        assert token.type != "html_block", token.content
        for child in token.children or []:
            assert child.type in ("text", "code_inline"), child
            seen.append(child.content)
        if token.type == "fence":
            seen.append(token.content)
    return "\n".join(seen)


def resolver(made: Setup) -> Setup:
    return made.model_copy(
        update={"settings": made.settings.model_copy(update={"private_resolver": True})}
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_everybody_learns_which_server_is_theirs(option: int) -> None:
    made = setup(option)
    text = shown(made, "people")
    assert homeserver_url(made) in text
    if option == 1:
        assert "Which server is yours?" not in text
        assert INSIDE_NAME not in text
        return
    port = ":20443" if option == 4 else ""
    assert f"People in China: https://{INSIDE_NAME}{port}" in text.replace("\n", "")
    assert f"People outside China: https://{OUTSIDE_NAME}" in text.replace("\n", "")
    for user in (f"@NAME:{INSIDE_NAME}", f"@NAME:{OUTSIDE_NAME}"):
        assert user in text
    link = "account_provider=im.example.cn%3A20443" if option == 4 else "=im.example.cn"
    assert link in app_link(made)
    assert app_link(made) in text
    assert "https://mobile.element.io/element/?account_provider=chat.example.org" in text


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("audience", ["operator", "people"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_whole_and_without_secrets(option: int, audience: Any, language: str) -> None:
    made = setup(option)
    # As no model accepts it: should one be made all the same, it must not get out.
    mirror = Mirror.model_construct(
        uri=f"https://user:{SECRET}@mirror.example.net/debian",
        pip_conf=f"[global]\nindex-url = https://user:{SECRET}@pip.example.net\n",
    )
    hosts = tuple(host.model_copy(update={"mirror": mirror}) for host in made.hosts)
    changed = made.settings.model_copy(
        update={
            "private_resolver": True,
            "provider": DnsProvider(name="rfc2136", account="LTAI-account", update=UPDATE),
        }
    )
    secretive = made.model_copy(
        update={"hosts": hosts, "settings": changed, "acknowledged": "I accept"}
    )
    plan = compile_plan(made)
    text = summary_markdown(secretive, plan=plan, audience=audience, language=language)
    value = summary_json(secretive, plan=plan, audience=audience, language=language)
    assert json.loads(json.dumps(value)) == value
    for part in (SECRET, "mirror.example.net", "LTAI-account", "test-key", "QUJD", "I accept"):
        assert part not in text + json.dumps(value), part
    assert "{" not in text.replace("{}", ""), "a value was not filled in"


@pytest.mark.parametrize("option", [1, 2, 4])
def test_people_learn_no_address_of_a_server(option: int) -> None:
    text = shown(setup(option), "people")
    for host in setup(option).hosts:
        for address in (host.public_ipv4, host.public_ipv6, host.login.address):
            assert not address or address not in text
    assert "ssh" not in text


def test_device_instructions_are_for_option_3_and_for_every_kind_of_device() -> None:
    made = setup(3)
    names = device_names(compile_plan(made).records)
    for audience in ("people", "operator"):
        text = shown(made, audience)
        for line in (*hosts_lines(names), *dnsmasq_lines(names)):
            assert line in text
        for part in (
            r"C:\Windows\System32\drivers\etc\hosts",
            "/system/etc/hosts",
            "uci add_list dhcp.@dnsmasq[0].server='/im.example.cn/'",
            'Never put our resolver into the setting "Private DNS"',
            "on mobile data they cannot find our server",
        ):
            assert part in text, part
    assert text.index("People outside China need none of this") > 0
    for option in (1, 2, 4):
        assert "teach your device" not in shown(setup(option), "people")


def test_with_the_resolver_there_is_a_profile() -> None:
    made = resolver(setup(3))
    text = shown(made, "people")
    assert "https://im.example.cn:8453/dns-query" in text
    assert "im.example.cn, port 853" in text
    value = summary_json(made, plan=compile_plan(made), audience="people")
    read = plistlib.loads(value["device_profile"].encode())
    settings = read["PayloadContent"][0]["DNSSettings"]
    assert settings["SupplementalMatchDomains"] == [INSIDE_NAME]
    assert value["device_lines"]["windows"] == ["241.0.5.9 im.example.cn"]
    assert summary_json(setup(3), plan=compile_plan(setup(3)))["device_profile"] is None


def test_the_home_line_has_its_rule_and_its_first_aid() -> None:
    made = setup(4)
    text = shown(made, "operator")
    for part in (
        "forward TCP port 20443 to port 20443 of the machine home (192.168.1.20",
        "When the home line is down",
        "matrix-assistant-dyndns.service on home",
        "option 3",
        "https://im.example.cn:20443",
    ):
        assert part in text, part
    people = shown(made, "people")
    assert "without :20443 the app finds nothing" in people
    assert "that line is down: wait, nothing is lost" in people
    assert "192.168.1.20" not in people
    assert summary_json(made, plan=compile_plan(made))["router_rule"].startswith(
        "In the home router"
    )
    assert summary_json(setup(2), plan=None)["router_rule"] is None
    assert "home line" not in shown(setup(2), "operator").replace("home line in China", "")


def test_links_and_what_can_be_seen_are_said_as_they_are() -> None:
    direct = shown(setup(4), "operator")
    assert "outside reaches inside directly: the name of the server can be read" in direct
    wrapped = set_link(set_link(setup(4), "home", "wrapped").setup, "outside", "wrapped").setup
    text = shown(wrapped, "operator")
    assert "home reaches inside through a connection wrapped in TLS" in text
    assert "directly: the name" not in text
    assert "learns the address of the home line" in text
    assert [(link["link"], link["way"]) for link in summary_json(wrapped, plan=None)["links"]] == [
        ("home", "wrapped"),
        ("outside", "wrapped"),
    ]
    assert summary_json(setup(1), plan=None)["links"] == []
    private = shown(setup(3), "people")
    assert "is in no public directory, yet it can be read on every connection" in private
    for option in (2, 3, 4):
        said = summary_json(setup(option), plan=compile_plan(setup(option)))["visible"]
        assert any("Certificates are listed publicly" in fact for fact in said)
        assert any(f"by its public name, {OUTSIDE_NAME}" in fact for fact in said)


@pytest.mark.parametrize("option", OPTIONS)
def test_spare_names_reach_people_with_the_port(option: int) -> None:
    made = add_spare_name(setup(option), "spare.example.net").setup
    url = "https://spare.example.net:20443" if option == 4 else "https://spare.example.net"
    assert url in shown(made, "people")
    assert url in shown(made, "operator")
    assert summary_json(made, plan=None)["servers"][0]["spare_urls"] == [url]


@pytest.mark.parametrize("option", [2, 3, 4])
def test_the_operator_has_both_administrators_and_every_record(option: int) -> None:
    made = setup(option)
    text = shown(made, "operator")
    assert f"@admin:{INSIDE_NAME}" in text
    assert f"@admin:{OUTSIDE_NAME}" in text
    assert text.count("register_new_matrix_user") == 2
    assert summary_json(made, plan=None)["admins"] == {
        "inside": f"@admin:{INSIDE_NAME}",
        "outside": f"@admin:{OUTSIDE_NAME}",
    }
    whole = summary_json(made, plan=compile_plan(made))
    places = {record["where"] for record in whole["records"]}
    for record in compile_plan(made).records:
        for value in record.values:
            assert value in summary_markdown(made, plan=compile_plan(made)), (record, places)
