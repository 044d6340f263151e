"""Plans of options 2, 3 and 4: what each host gets, how they find one another, what is public."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from assistant.onhost.resources import (
    Absent,
    Certificate,
    Command,
    Directory,
    File,
    Firewall,
    ManagedBlock,
    PackageMirror,
    Secret,
    Service,
    Virtualenv,
    from_json,
)
from assistant.plan import public_suffix
from assistant.plan.compile import compile_plan, planned_locks, planned_packages
from assistant.plan.errors import PlanError
from assistant.plan.model import Record
from assistant.plan.public_suffix import parent_of, wildcard_of
from assistant.plan.recipes.dns import private_resolver
from assistant.setup.model import DnsProvider, DnsUpdate, Mirror, Role, Setup
from tests.support.plan_setups import (
    ADDRESSES,
    RELEASES,
    UPDATE,
    V4,
    V6,
    files,
    only,
    setup,
    several,
)

HOMESERVER = "/etc/matrix-synapse/homeserver.yaml"
HTTP = "/etc/nginx/conf.d/matrix-assistant-http.conf"
HTTPS = "/etc/nginx/conf.d/matrix-assistant-https.conf"
INDEX = "/var/www/matrix-assistant/site/index.html"
INSIDE4, INSIDE6 = ADDRESSES[Role.INSIDE]
HOME4, HOME6 = ADDRESSES[Role.HOME]
MAIN, OTHER = "im.family.example", "out.family.example"
EVERY = [several(option, settings={"home_link": home, "outside_link": outside})
         for option in (2, 3, 4) for home in ("direct", "wrapped")
         for outside in ("direct", "wrapped")]  # fmt: skip


def homeserver(made: Setup, host: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(
        files(compile_plan(made), host)[HOMESERVER].split("\n", 1)[1]
    )
    return config


def shown(found: list[Record] | tuple[Record, ...], where: str = "public") -> list[tuple[Any, ...]]:
    return [(r.name, r.type, *r.values, r.must) for r in found if r.where == where]


@pytest.mark.parametrize("made", EVERY)
def test_every_host_compiles_and_survives_the_wire(made: Setup) -> None:
    plan = compile_plan(made)
    assert [item.host for item in plan.hosts] == [host.name for host in made.hosts]
    for item in plan.hosts:
        carried = tuple(from_json(entry) for entry in json.loads(json.dumps(item.to_json())))
        assert carried == item.resources
        assert only(plan, Firewall, host=item.host).allow_tcp == item.open_tcp


@pytest.mark.parametrize("made", [*EVERY, several(3, settings={"private_resolver": True})])
def test_ids_are_unique_and_references_point_backwards(made: Setup) -> None:
    for item in compile_plan(made).hosts:
        seen: set[str] = set()
        for resource in item.resources:
            assert resource.id not in seen
            if isinstance(resource, (Service, Command)):
                assert set(resource.after) <= seen, resource.id
            seen.add(resource.id)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("option", [2, 3, 4])
def test_every_release_can_be_each_role(option: int, release: str) -> None:
    hosts = {role: {"release": release} for role in Role}
    plan = compile_plan(several(option, hosts=hosts, settings={"private_resolver": True}))
    inside = files(plan, "inside")[HTTPS]
    rejects = option in (3, 4) and release != "jammy"
    assert ("ssl_reject_handshake on;" in inside) is rejects
    assert "ssl_reject_handshake" not in files(plan, "outside")[HTTPS]


def test_each_homeserver_has_its_own_name_and_federates_with_the_other_only() -> None:
    for made in EVERY:
        inside, outside = homeserver(made, "inside"), homeserver(made, "outside")
        assert (inside["server_name"], outside["server_name"]) == (MAIN, OTHER)
        assert outside["public_baseurl"] == f"https://{OTHER}/"
        port = ":28448" if made.option == 4 else ""
        assert inside["public_baseurl"] == f"https://{MAIN}{port}/"
        for config in (inside, outside):
            assert config["federation_domain_whitelist"] == [MAIN, OTHER]
        wrapped = made.settings.outside_link == "wrapped"
        assert outside.get("ip_range_whitelist") == (["127.0.0.31/32"] if wrapped else None)
        assert "ip_range_whitelist" not in inside
    opened = several(2, settings={"federation": "open"})
    assert "federation_domain_whitelist" not in homeserver(opened, "inside")


def test_each_administrator_belongs_to_the_server_of_the_host() -> None:
    plan = compile_plan(several(3))
    assert f"'@admin:{MAIN}'" in only(plan, Command, "first-admin", "inside").unless[-1]
    assert f"'@admin:{OTHER}'" in only(plan, Command, "first-admin", "outside").unless[-1]


def test_clients_are_told_the_home_port_and_servers_443() -> None:
    text = files(compile_plan(several(4)), "inside")[HTTPS]
    assert [json.loads(item) for item in re.findall(r"return 200 '(.*)';", text)] == [
        {"m.homeserver": {"base_url": f"https://{MAIN}:28448"}},
        {"m.server": f"{MAIN}:443"},
    ]


def test_spare_names_are_served_certified_and_published() -> None:
    made = several(2, spare_names=("spare.family.example",))
    plan = compile_plan(made)
    for path in (HTTP, HTTPS):
        assert f"server_name {MAIN} spare.family.example;" in files(plan, "inside")[path]
    certificate = only(plan, Certificate, host="inside")
    assert certificate.domains == (MAIN, "spare.family.example")
    assert ("spare.family.example", "A", INSIDE4, "exist") in shown(plan.records)


@pytest.mark.parametrize(
    ("made", "ports"),
    [
        (several(2), {"inside": (22, 80, 443), "outside": (22, 80, 443)}),
        (several(2, settings={"outside_link": "wrapped"}), {"inside": (22, 80, 443, 8449)}),
        (several(3), {"inside": (22, 443), "outside": (22, 80, 443)}),
        (several(3, settings={"private_resolver": True}), {"inside": (22, 443, 853, 8453)}),
        (several(3, settings={"outside_link": "wrapped"}), {"inside": (22, 443, 8449)}),
        # In option 3 no home line is there to be wrapped.
        (several(3, settings={"home_link": "wrapped"}), {"inside": (22, 443)}),
        (several(4), {"home": (22, 28448), "inside": (22, 443, 8450), "outside": (22, 80, 443)}),
        (several(4, settings={"home_link": "wrapped"}), {"inside": (22, 443, 8449)}),
        (several(4, settings={"outside_link": "wrapped"}), {"inside": (22, 8449, 8450)}),
        (
            several(4, settings={"home_link": "wrapped", "outside_link": "wrapped"}),
            {"home": (22, 28448), "inside": (22, 8449), "outside": (22, 80, 443)},
        ),
        (
            several(4, hosts={Role.HOME: {"keep_ports": (9000,)}}),
            {"home": (22, 9000, 28448)},
        ),
    ],
)
def test_open_ports_are_those_the_role_needs(made: Setup, ports: dict[str, Any]) -> None:
    plan = compile_plan(made)
    assert {name: plan.for_host(name).open_tcp for name in ports} == ports


def test_a_host_may_have_its_own_mirror() -> None:
    shared = Mirror(uri="https://m.example/debian", pip_conf="[global]\n")
    near = Mirror(uri="https://cn.example/debian", pip_conf="[global]\nindex-url = x\n")
    made = several(2, settings={"mirror": shared}, hosts={Role.INSIDE: {"mirror": near}})
    plan = compile_plan(made)
    for host, mirror in (("inside", near), ("outside", shared)):
        assert mirror.uri in only(plan, PackageMirror, host=host).sources
        assert only(plan, Virtualenv, "synapse", host).pip_conf == mirror.pip_conf
        assert only(plan, Virtualenv, "certbot", host).pip_conf == mirror.pip_conf
    alone = compile_plan(several(2, hosts={Role.INSIDE: {"mirror": near}}))
    assert not any(isinstance(item, PackageMirror) for item in alone.for_host("outside").resources)


def test_the_private_server_has_a_wildcard_and_no_port_80() -> None:
    for option in (3, 4):
        plan = compile_plan(several(option, spare_names=("spare.family.example",)))
        certificate = only(plan, Certificate, host="inside")
        assert (certificate.domains, certificate.challenge) == (("*.family.example",), "dns-01")
        assert HTTP not in files(plan, "inside")
        assert only(plan, Absent, HTTP, "inside").path == HTTP
        outside = only(plan, Certificate, host="outside")
        assert (outside.domains, outside.challenge) == ((OTHER,), "http-01")
        assert not any(isinstance(r, Secret) and r.name == "dns-token"
                       for r in plan.for_host("outside").resources)  # fmt: skip
        assert only(plan, Secret, "dns-credentials", "inside").form == "provided"


@pytest.mark.parametrize("name", ["family.example", "family.com.cn", "family.bj.cn"])
def test_a_name_no_wildcard_covers_cannot_be_private(name: str) -> None:
    with pytest.raises(PlanError) as caught:
        compile_plan(several(3, server_name=name))
    assert caught.value.cause == "no-wildcard"
    assert name in str(caught.value)
    plain = only(compile_plan(several(4, server_name=name)), Certificate, host="inside")
    assert plain.domains == (name,)


def test_the_owner_of_a_domain() -> None:
    assert parent_of("a.b.example") == "b.example"
    assert wildcard_of("im.family.cn") == "*.family.cn"
    assert wildcard_of("im.family.com.cn") == "*.family.com.cn"
    assert not wildcard_of("family.co.uk")
    assert not wildcard_of("family.xn--fiqs8s")
    assert wildcard_of("im.co.example") == "*.co.example"


@pytest.mark.parametrize(
    ("name", "wildcard"),
    [
        ("family.dedyn.io", ""),
        ("im.family.dedyn.io", "*.family.dedyn.io"),
        ("family.eu.org", ""),
        ("family.us.kg", ""),
        ("family.github.io", ""),
        ("a.com.cn", ""),
        ("im.a.com.cn", "*.a.com.cn"),
        ("x.xn--55qx5d.cn", ""),
        ("im.x.xn--55qx5d.cn", "*.x.xn--55qx5d.cn"),
        ("im.family.net", "*.family.net"),
    ],
)
def test_a_hidden_name_needs_a_wildcard_of_its_own_domain(name: str, wildcard: str) -> None:
    assert wildcard_of(name) == wildcard
    made = several(3, server_name=name)
    if wildcard:
        assert only(compile_plan(made), Certificate, host="inside").domains == (wildcard,)
    else:
        with pytest.raises(PlanError, match=r"cannot stay private"):
            compile_plan(made)


def test_the_suffix_list_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr("socket.socket.connect", refuse)
    public_suffix._extract.cache_clear()
    assert not wildcard_of("family.dedyn.io")


def credentials(made: Setup, host: str = "inside") -> tuple[str, Secret, Virtualenv, Certificate]:
    plan = compile_plan(made)
    secret = only(plan, Secret, "dns-credentials", host)
    text = secret.prefix + "VALUE" + secret.suffix
    return text, secret, only(plan, Virtualenv, "certbot", host), only(plan, Certificate, host=host)


def test_rfc2136_as_a_provider_proves_certificates_too() -> None:
    settings = {"dns_update": None, "provider": DnsProvider(name="rfc2136", update=UPDATE)}
    text, _, program, certificate = credentials(several(3, settings=settings))
    assert text.startswith("dns_rfc2136_server = 241.0.0.53\n")
    assert text.endswith("dns_rfc2136_secret = VALUE\n")
    assert certificate.dns_plugin == "rfc2136"
    assert {line.split("==")[0] for line in program.requirements} == {
        "certbot",
        "certbot-dns-rfc2136",
    }


def test_other_providers_prove_by_the_plugin_that_knows_them() -> None:
    provider = DnsProvider(name="alidns", account="LTAI5t")
    text, secret, program, certificate = credentials(
        several(3, settings={"dns_update": None, "provider": provider})
    )
    assert text.splitlines() == [
        "dns_multi_provider = alidns",
        'ALICLOUD_ACCESS_KEY = "LTAI5t"',
        'ALICLOUD_SECRET_KEY = "VALUE"',
    ]
    assert (secret.owner, secret.mode, certificate.dns_plugin) == ("root", "0400", "multi")
    assert any(line.startswith("certbot-dns-multi==") for line in program.requirements)
    cloudflare = {"dns_update": None, "provider": DnsProvider(name="cloudflare")}
    assert credentials(several(4, settings=cloudflare))[0].splitlines() == [
        "dns_multi_provider = cloudflare",
        'CLOUDFLARE_DNS_API_TOKEN = "VALUE"',
    ]
    # The settings made for the proof alone say more than the provider does.
    both = several(3, settings={"provider": provider})
    assert credentials(both)[3].dns_plugin == "rfc2136"


@pytest.mark.parametrize(
    ("settings", "release", "cause"),
    [
        ({}, "trixie", "dns-update-missing"),
        ({"provider": DnsProvider(name="rfc2136")}, "trixie", "dns-update-missing"),
        ({"provider": DnsProvider(name="cloudflare")}, "jammy", "python-too-old"),
        ({"provider": DnsProvider(name="nobody")}, "trixie", "dns-provider-unknown"),
        ({"provider": DnsProvider(name="alidns")}, "trixie", "dns-account-missing"),
        (
            {
                "provider": DnsProvider(
                    name="rfc2136", update=DnsUpdate(server="ns.x.y", key_name="k")
                )
            },
            "trixie",
            "dns-server-name",
        ),
    ],
)
def test_what_cannot_prove_a_certificate_is_said(
    settings: dict[str, Any], release: str, cause: str
) -> None:
    made = several(
        3, settings={"dns_update": None, **settings}, hosts={Role.INSIDE: {"release": release}}
    )
    with pytest.raises(PlanError) as caught:
        compile_plan(made)
    assert caught.value.cause == cause


def test_records_of_option_2_are_all_public() -> None:
    made = compile_plan(several(2)).records
    assert shown(made) == [
        (MAIN, "A", INSIDE4, "exist"),
        (MAIN, "AAAA", INSIDE6, "exist"),
        (OTHER, "A", V4, "exist"),
        (OTHER, "AAAA", V6, "exist"),
    ]
    assert all(record.where == "public" for record in made)


def test_records_of_option_3_are_on_devices_and_nowhere_public() -> None:
    plan = compile_plan(several(3, spare_names=("spare.family.example",)))
    private = (MAIN, "spare.family.example")
    assert shown(plan.records) == [
        *((name, *rest)
          for base in private
          for name, *rest in (
              (base, "A", "absent"), (base, "AAAA", "absent"), (base, "CNAME", "absent"),
              (base, "HTTPS", "absent"), (f"_matrix._tcp.{base}", "SRV", "absent"),
              (f"_matrix-fed._tcp.{base}", "SRV", "absent"))),
        (OTHER, "A", V4, "exist"),
        (OTHER, "AAAA", V6, "exist"),
    ]  # fmt: skip
    for where in ("device", "server"):
        assert shown(plan.records, where) == [
            (name, *rest)
            for name in private
            for rest in (("A", INSIDE4, "exist"), ("AAAA", INSIDE6, "exist"))
        ]


def test_records_of_option_4_lead_home_and_change_with_the_line() -> None:
    plan = compile_plan(several(4))
    assert shown(plan.records)[:2] == [
        (MAIN, "A", HOME4, "exist"),
        (MAIN, "AAAA", HOME6, "exist"),
    ]
    home = plan.records[0]
    assert home.line == f"{MAIN}. 60 IN A {HOME4}"
    assert [r.dynamic for r in plan.records if r.where == "public"] == [True, True, False, False]
    assert shown(plan.records, "server") == [
        (MAIN, "A", INSIDE4, "exist"),
        (MAIN, "AAAA", INSIDE6, "exist"),
    ]
    nothing = several(4, hosts={Role.HOME: {"public_ipv4": "", "public_ipv6": ""}})
    first, second = compile_plan(nothing).records[:2]
    assert (first.values, first.must, first.dynamic, first.line) == (
        (),
        "exist",
        True,
        f"{MAIN}. IN A",
    )
    assert "not known yet" in str(first.why)
    assert (second.type, second.must) == ("AAAA", "absent")
    only6 = compile_plan(several(4, hosts={Role.HOME: {"public_ipv4": ""}})).records
    assert shown(only6)[:2] == [(MAIN, "A", "absent"), (MAIN, "AAAA", HOME6, "exist")]


def test_open_federation_of_option_4_tells_the_port_by_srv() -> None:
    plan = compile_plan(several(4, settings={"federation": "open"}))
    assert (f"_matrix-fed._tcp.{MAIN}", "SRV", f"10 0 28448 {MAIN}.", "exist") in shown(
        plan.records
    )


def test_the_outside_server_finds_the_main_one_in_its_hosts_file() -> None:
    for made in EVERY:
        plan = compile_plan(made)
        blocks = [r for r in plan.for_host("outside").resources
                  if isinstance(r, ManagedBlock) and r.path == "/etc/hosts"]  # fmt: skip
        wrapped = made.settings.outside_link == "wrapped"
        if made.option == 2 and not wrapped:
            assert not blocks
            continue
        (block,) = blocks
        assert block.marker == "matrix-assistant-names"
        addresses = ("127.0.0.31",) if wrapped else (INSIDE4, INSIDE6)
        assert block.lines == tuple(f"{address} {MAIN}" for address in addresses)
        assert not any(isinstance(r, ManagedBlock) and r.path == "/etc/hosts"
                       for r in plan.for_host("inside").resources)  # fmt: skip


@pytest.mark.parametrize("option", [2, 3, 4])
@pytest.mark.parametrize("role", [Role.INSIDE, Role.OUTSIDE])
def test_a_server_without_any_address_is_refused(option: int, role: Role) -> None:
    with pytest.raises(PlanError) as caught:
        compile_plan(several(option, hosts={role: {"public_ipv4": "", "public_ipv6": ""}}))
    assert caught.value.cause == "no-address"
    assert role.value in str(caught.value)


def test_what_comes_through_a_link_keeps_the_clients_address() -> None:
    for made in EVERY:
        plan = compile_plan(made)
        inside, outside = files(plan, "inside")[HTTPS], files(plan, "outside")[HTTPS]
        linked = made.option == 4 or made.settings.outside_link == "wrapped"
        # Once for the site, once for the refusal before it.
        count = (2 if made.option in (3, 4) else 1) if linked else 0
        assert inside.count("listen 127.0.0.1:8444 ssl proxy_protocol;") == count
        assert ("real_ip_header proxy_protocol;" in inside) is linked
        assert "proxy_protocol" not in outside
        wrapped = made.settings.outside_link == "wrapped"
        assert ("listen 443 ssl reuseport;" in outside) is wrapped
        assert "reuseport" not in inside


def test_the_page_shows_the_filings_of_the_filed_server_only() -> None:
    settings = {
        "filing": '京ICP备2026000001号-1<"&',
        "security_filing": "京公网安备11010502030000号",
    }
    plan = compile_plan(several(2, settings=settings))
    page = files(plan, "inside")[INDEX]
    assert re.search(
        r'<a href="https://beian\.miit\.gov\.cn/"[^>]*>京ICP备2026000001号-1&lt;&quot;&amp;</a>',
        page,
    )
    assert 'href="https://beian.mps.gov.cn/#/query/webSearch?code=11010502030000"' in page
    assert ">京公网安备11010502030000号</a>" in page
    assert "beian" not in files(plan, "outside")[INDEX]
    assert "footer lang" not in files(compile_plan(several(2)), "inside")[INDEX]
    assert f"<code>https://{MAIN}:28448</code>" in files(compile_plan(several(4)), "inside")[INDEX]


def test_the_resolver_answers_for_the_main_names_and_refuses_the_rest() -> None:
    made = several(3, settings={"private_resolver": True}, spare_names=("s.family.example",))
    plan = compile_plan(made)
    text = files(plan, "inside")[private_resolver.CONFIG]
    local = [line.strip() for line in text.splitlines() if line.strip().startswith("local-")]
    assert local == [
        'local-zone: "." always_refuse',
        f'local-zone: "{MAIN}." static',
        'local-zone: "s.family.example." static',
        *(f'local-data: "{name}. 300 IN {kind} {value}"'
          for name in (MAIN, "s.family.example")
          for kind, value in (("A", INSIDE4), ("AAAA", INSIDE6))),
    ]  # fmt: skip
    assert 'local-zone: "." always_refuse' in text
    for network in ("0.0.0.0/0", "::/0"):
        assert f"do-not-query-address: {network}" in text
    assert "forward" not in text
    assert OTHER not in text
    assert private_resolver.name_of(made) == MAIN
    assert private_resolver.name_of(several(3)) == private_resolver.name_of(several(4)) == ""
    order = [resource.id for resource in plan.for_host("inside").resources]
    assert order.index("certificate:matrix-assistant") < order.index("command:resolver-certificate")
    off = compile_plan(several(3))
    stopped = only(off, Service, private_resolver.UNIT, "inside")
    assert (stopped.running, stopped.enabled) == (False, False)
    assert "unbound" not in planned_packages(off)


def test_what_is_planned_can_be_asked_per_host() -> None:
    plan = compile_plan(several(4))
    assert "postgresql" not in planned_packages(plan, "home")
    assert {"nginx", "postgresql"} <= set(planned_packages(plan, "inside"))
    assert not any("matrix-synapse" in text for text in planned_locks(plan, "home"))
    for found in (planned_packages, planned_locks):
        each = [set(found(plan, host.host)) for host in plan.hosts]
        assert set().union(*each) == set(found(plan))


def test_option_1_is_as_it_was() -> None:
    plan = compile_plan(setup())
    text = files(plan)[HTTPS]
    assert "proxy_protocol" not in text
    assert "ssl_reject_handshake" not in text
    assert "reuseport" not in text
    assert not any(isinstance(r, ManagedBlock) for r in plan.hosts[0].resources)
    assert "ip_range_whitelist" not in files(plan)[HOMESERVER]


def test_folders_are_there_before_what_lies_in_them() -> None:
    """The home host and the resolver too: see the same test of option 1."""
    plan = compile_plan(several(3, settings={"private_resolver": True}))
    made = {"/etc/systemd/system", "/etc/sysctl.d", "/etc/apt/apt.conf.d", "/etc/nginx/conf.d"}
    made.add("/etc/unbound")
    for resource in plan.for_host("inside").resources:
        if isinstance(resource, Directory):
            made.add(resource.path)
        if isinstance(resource, (File, Secret)):
            assert resource.path.rpartition("/")[0] in made, resource.path
