"""The configurations that recipes write: golden values, properties, real checkers where present."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assistant.onhost.resources import Certificate, Command, Firewall, Timer
from assistant.plan.compile import compile_plan
from assistant.plan.errors import PlanError
from assistant.plan.recipes.templates import TemplateError, fill
from assistant.setup.model import Login, Settings, Setup
from tests.support.plan_setups import RELEASES, files, only, setup

HOMESERVER = "/etc/matrix-synapse/homeserver.yaml"
HTTP = "/etc/nginx/conf.d/matrix-assistant-http.conf"
HTTPS = "/etc/nginx/conf.d/matrix-assistant-https.conf"
SYNAPSE_UNIT = "/etc/systemd/system/matrix-synapse.service"
NGINX_SANDBOX = "/etc/systemd/system/nginx.service.d/matrix-assistant.conf"


def homeserver(made: Setup) -> dict[str, Any]:
    return parsed(files(compile_plan(made))[HOMESERVER])


def parsed(text: str) -> dict[str, Any]:
    comment, body = text.split("\n", 1)
    assert comment.startswith("# ")
    config: dict[str, Any] = json.loads(body)
    return config


def directives(text: str) -> list[str]:
    """The first words of all directives and blocks of an nginx file, in order."""
    bare = re.sub(r"(?m)^\s*#.*$", "", text)
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "X", bare)
    return re.findall(r"(?:^|[;{}])\s*([a-z0-9_]+)", bare)


def test_synapse_is_closed_by_default() -> None:
    config = homeserver(setup(access_name="chat.family.example"))
    assert config["server_name"] == "family.example"
    assert config["public_baseurl"] == "https://chat.family.example/"
    assert [(x["port"], x["bind_addresses"]) for x in config["listeners"]] == [
        (8008, ["127.0.0.1"])
    ]
    assert config["federation_domain_whitelist"] == ["family.example"]
    assert config["trusted_key_servers"] == []
    for off in (
        "enable_registration",
        "allow_guest_access",
        "report_stats",
        "url_preview_enabled",
        "allow_public_rooms_without_auth",
        "allow_public_rooms_over_federation",
        "serve_server_wellknown",
        "dynamic_thumbnails",
    ):
        assert config[off] is False
    assert config["push"] == {"include_content": False}
    assert config["presence"] == {"enabled": False}
    assert "media_retention" not in config
    secret = re.compile(r"secret|password|signing_key|macaroon")
    for key, value in config.items():
        if secret.search(key) and key != "password_config":
            assert key.endswith("_path")
            assert value.startswith("/etc/matrix-synapse/")


def test_settings_reach_synapse() -> None:
    config = homeserver(
        setup(settings=Settings(federation="open", upload_megabytes=7, keep_media_days=90))
    )
    assert "federation_domain_whitelist" not in config
    assert config["limit_remote_rooms"]["enabled"] is True
    assert config["max_upload_size"] == "7M"
    assert config["media_retention"] == {
        "local_media_lifetime": "90d",
        "remote_media_lifetime": "90d",
    }
    made = files(compile_plan(setup(settings=Settings(upload_megabytes=7))))
    assert "client_max_body_size 7m;" in made[HTTPS]


@pytest.mark.parametrize("release", RELEASES)
def test_http2_is_said_in_the_words_of_that_nginx(release: str) -> None:
    text = files(compile_plan(setup(release=release)))[HTTPS]
    new = release == "trixie"
    assert ("    http2 on;\n" in text) is new
    assert ("    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n" in text) is not new
    assert ("    listen 443 ssl;\n    listen [::]:443 ssl;\n" in text) is new


def test_a_host_without_ipv6_does_not_listen_there() -> None:
    made = files(compile_plan(setup(public_ipv6="")))
    assert "[::]" not in made[HTTP] + made[HTTPS]


def test_delegation_is_answered_with_valid_json() -> None:
    text = files(compile_plan(setup(access_name="chat.family.example")))[HTTPS]
    found = [json.loads(item) for item in re.findall(r"return 200 '(.*)';", text)]
    assert found == [
        {"m.homeserver": {"base_url": "https://chat.family.example"}},
        {"m.server": "chat.family.example:443"},
    ]


def test_a_long_name_is_an_expression_because_nginx_hashes_plain_ones() -> None:
    name = "a-" + "b" * 50 + ".example"
    text = files(compile_plan(setup(server_name=name, access_name="short.example")))[HTTPS]
    found = re.search(r'server_name "~(\S+)" short\.example;', text)
    assert found is not None
    assert re.fullmatch(found[1], name)
    assert not re.fullmatch(found[1], name.replace(".", "x"))


def test_renewal_touches_our_certificate_only() -> None:
    plan = compile_plan(setup())
    timer = only(plan, Timer, "certbot")
    assert timer.command[1:4] == ("renew", "--cert-name", only(plan, Certificate).name)
    assert "--no-random-sleep-on-renew" in timer.command
    assert "Environment=REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt" in timer.sandbox


def test_templates_refuse_what_does_not_fit() -> None:
    with pytest.raises(TemplateError):
        fill("dns/resolver-hook.sh", UNIT="x")
    with pytest.raises(TemplateError):
        fill("dns/resolver-hook.sh", UNIT="x", CERTIFICATE="1", OTHER="y")
    for control in ("\n", "\r", "\0", "\x7f", "\u2028"):
        with pytest.raises(TemplateError):
            fill("dns/resolver-hook.sh", UNIT="x", CERTIFICATE=f"22{control}")
    with pytest.raises(TemplateError):
        fill("dns/resolver-hook.sh", UNIT="x", CERTIFICATE=("22", "23"))
    assert "@CERTIFICATE@" in fill("dns/resolver-hook.sh", UNIT="@CERTIFICATE@", CERTIFICATE="22")


_LABEL = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\Z")
_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
_NASTY = st.sampled_from(
    ['a"b', "a';b", "a\nb", "a {b}", "$host", "@NAME@", "a;b", "用户", "a\\b", "a#b", "a..b", ""]
)
_DOMAIN = st.one_of(
    st.lists(_LABEL, min_size=2, max_size=6).map(".".join),
    st.tuples(st.one_of(_TEXT, _NASTY), st.sampled_from(["example", "中国"])).map(".".join),
)
_LOCALPART = st.one_of(st.from_regex(r"\A[a-z0-9][a-z0-9._=/-]{0,20}\Z"), _TEXT, _NASTY)
_EMAIL = st.one_of(
    st.sampled_from(["", "a.b+c@d.example"]), _NASTY.map(lambda text: f"{text}@b.example")
)
_PORTS = st.lists(st.integers(1, 65535), max_size=5).map(tuple)

PLAIN = files(compile_plan(setup(access_name="chat.family.example")))


@hypothesis_settings(max_examples=100, deadline=None)
@given(_DOMAIN, _DOMAIN, _LOCALPART, _EMAIL, _PORTS, st.integers(1, 65535))
def test_no_accepted_setup_changes_the_structure_of_a_configuration(
    server: str, access: str, admin: str, email: str, keep: tuple[int, ...], port: int
) -> None:
    try:
        made = setup(
            server_name=server,
            access_name=access,
            settings=Settings(admin=admin, acme_email=email),
            login=Login(address="241.0.3.7", port=port),
            keep_ports=keep,
        )
    except ValueError:
        return
    try:
        plan = compile_plan(made)
    except PlanError as error:
        assert error.cause == "name-too-long"
        return
    written = files(plan)
    assert written.keys() == PLAIN.keys()
    for path, content in written.items():
        assert content.count("\n") == PLAIN[path].count("\n"), path
    for path in (HTTP, HTTPS):
        assert directives(written[path]) == directives(PLAIN[path])
        assert written[path].count("\nserver {\n") == 1
    config = parsed(written[HOMESERVER])
    assert config.keys() == parsed(PLAIN[HOMESERVER]).keys()
    assert config["server_name"] == made.server_name
    assert written["/var/www/matrix-assistant/site/index.html"].count("<") == PLAIN[
        "/var/www/matrix-assistant/site/index.html"
    ].count("<")
    admin_sql = only(plan, Command, "first-admin").unless[-1]
    assert admin_sql.count("'") == 2
    assert "\\" not in admin_sql
    ports = re.search(r"tcp dport \{ ([0-9, ]+) \} accept", only(plan, Firewall).content)
    assert ports is not None
    assert {int(item) for item in ports[1].split(",")} == {22, 80, 443, port, *keep}


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_nft_accepts_the_table(tmp_path: Path) -> None:
    path = tmp_path / "firewall.nft"
    path.write_text(only(compile_plan(setup(keep_ports=(9000,))), Firewall).content)
    done = subprocess.run(["nft", "-c", "-f", path], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr or "you must be root" in done.stderr:
        pytest.skip("nft needs more rights than there are")
    assert done.returncode == 0, done.stderr


def exposure(path: Path) -> float:
    """Score of a unit in ``systemd-analyze security``: 0 (closed) to 10 (open)."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", path],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip(f"systemd-analyze cannot judge here: {done.stderr[:200]}")
    return float(found[1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_units_are_closed(tmp_path: Path) -> None:
    synapse = tmp_path / "matrix-synapse.service"
    synapse.write_text(PLAIN[SYNAPSE_UNIT])
    assert exposure(synapse) <= 1.5
    nginx = tmp_path / "nginx.service"
    bare = "[Service]\nType=forking\nExecStart=/usr/sbin/nginx\n"
    nginx.write_text(bare + PLAIN[NGINX_SANDBOX])
    assert exposure(nginx) <= 3.0
    for timer in ("certbot", "backup"):
        path = tmp_path / f"{timer}.service"
        lines = only(compile_plan(setup()), Timer, timer).sandbox
        path.write_text("[Service]\nExecStart=/bin/true\n" + "\n".join(lines) + "\n")
        assert exposure(path) <= 4.0, timer


def test_locations_take_a_path_only_as_it_was_sent() -> None:
    text = files(compile_plan(setup()))[HTTPS]
    for place in ("/_matrix/", "/_synapse/client/"):
        block = text.partition(f"location ^~ {place} {{")[2]
        assert block.split()[:4] == ["if", "($request_uri", "!~", f'"^{place}")']


def test_port_80_redirects_to_own_names_only() -> None:
    text = files(compile_plan(setup(access_name="chat.family.example")))[HTTP]
    assert r'if ($host !~* "^(?:family\.example|chat\.family\.example)$") {' in text


def test_old_logs_of_the_whole_host_stay() -> None:
    journald = "/etc/systemd/journald.conf.d/90-matrix-assistant.conf"
    assert "SystemMaxUse" in files(compile_plan(setup()))[journald]
    assert "Retention" not in files(compile_plan(setup()))[journald]
