"""compile_plan: order, references, what differs by release, errors, records."""

from __future__ import annotations

import json

import pytest

from assistant.onhost.resources import (
    Certificate,
    Command,
    Directory,
    File,
    Firewall,
    PackageMirror,
    Packages,
    PostgresDatabase,
    Secret,
    Service,
    Virtualenv,
    from_json,
)
from assistant.plan.compile import compile_plan, planned_locks, planned_packages
from assistant.plan.errors import PlanError
from assistant.plan.locks import lock
from assistant.plan.releases import RELEASES as TABLE
from assistant.setup.model import DnsUpdate, Login, Mirror, Settings
from tests.support.plan_setups import RELEASES, V4, V6, files, only, setup

MIRROR = Mirror(uri="http://241.0.0.9/debs", signing_key="-----BEGIN", pip_conf="[global]\n")


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_compiles_to_resources_that_survive_the_wire(release: str) -> None:
    plan = compile_plan(setup(release=release))
    resources = plan.for_host("outside").resources
    carried = tuple(from_json(item) for item in json.loads(json.dumps(plan.hosts[0].to_json())))
    assert carried == resources
    assert len(resources) > 40
    assert all(resource.title for resource in resources)


def test_the_table_covers_what_a_setup_can_name() -> None:
    assert set(TABLE) == set(RELEASES)


def test_ids_are_unique_and_references_point_backwards() -> None:
    seen: set[str] = set()
    for resource in compile_plan(setup()).hosts[0].resources:
        assert resource.id not in seen
        if isinstance(resource, (Service, Command)):
            assert set(resource.after) <= seen, resource.id
        seen.add(resource.id)


def test_files_come_after_their_folder_and_programs_before_their_settings() -> None:
    plan = compile_plan(setup())
    made = {"/etc/systemd/system", "/etc/sysctl.d", "/etc/apt/apt.conf.d", "/etc/nginx/conf.d"}
    for resource in plan.hosts[0].resources:
        if isinstance(resource, Directory):
            made.add(resource.path)
        if isinstance(resource, (File, Secret)):
            assert resource.path.rpartition("/")[0] in made, resource.path
    order = [resource.id for resource in plan.hosts[0].resources]
    for earlier, later in (
        ("virtualenv:/opt/matrix-assistant/synapse", "file:/etc/matrix-synapse/homeserver.yaml"),
        ("directory:/var/lib/matrix-synapse/media", "file:/etc/matrix-synapse/homeserver.yaml"),
        ("secret:/etc/matrix-synapse/form_secret", "file:/etc/matrix-synapse/homeserver.yaml"),
        ("pgdatabase:matrix-synapse", "service:matrix-synapse.service"),
        ("firewall:matrix_assistant", "certificate:matrix-assistant"),
        ("service:nginx.service#acme", "certificate:matrix-assistant"),
        ("virtualenv:/opt/matrix-assistant/certbot", "certificate:matrix-assistant"),
        ("certificate:matrix-assistant", "file:/etc/nginx/conf.d/matrix-assistant-https.conf"),
        ("service:matrix-synapse.service", "command:first-admin"),
    ):
        assert order.index(earlier) < order.index(later)


def test_every_account_a_file_belongs_to_exists() -> None:
    plan = compile_plan(setup())
    for resource in plan.hosts[0].resources:
        if isinstance(resource, (File, Secret, Directory)):
            assert {resource.owner, resource.group} <= {"root", "matrix-synapse"}
    assert only(plan, PostgresDatabase).owner == "matrix-synapse"


def test_the_same_setup_gives_the_same_digest_and_another_another() -> None:
    assert compile_plan(setup()).digest == compile_plan(setup()).digest
    other = setup(server_name="else.example", access_name="else.example")
    assert compile_plan(setup()).digest != compile_plan(other).digest


def test_a_mirror_needs_the_release() -> None:
    assert compile_plan(setup(release="")).digest
    with pytest.raises(PlanError) as caught:
        compile_plan(setup(release="", settings=Settings(mirror=MIRROR)))
    assert caught.value.cause == "release-unknown"


def test_a_mirror_is_used_by_apt_and_by_both_environments() -> None:
    plan = compile_plan(setup(settings=Settings(mirror=MIRROR)))
    assert plan.hosts[0].resources[0] == PackageMirror(
        title="Package mirror",
        sources=(
            "Types: deb\nURIs: http://241.0.0.9/debs\nSuites: trixie trixie-updates\n"
            "Components: main\nSigned-By: /etc/apt/keyrings/matrix-assistant.asc\n"
        ),
        signing_key="-----BEGIN",
    )
    for name in ("synapse", "certbot"):
        assert only(plan, Virtualenv, name).pip_conf == "[global]\n"


def test_mirror_stanzas_for_ubuntu_security_and_flat_archives() -> None:
    mirror = Mirror(uri="https://m.example/ubuntu", security_uri="https://m.example/sec")
    sources = only(
        compile_plan(setup(release="noble", settings=Settings(mirror=mirror))), PackageMirror
    ).sources
    assert sources.split("\n\n")[1] == (
        "Types: deb\nURIs: https://m.example/sec\nSuites: noble-security\n"
        "Components: main universe\n"
        "Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n"
    )
    flat = Mirror(uri="https://m.example/flat", suites="/")
    sources = only(compile_plan(setup(settings=Settings(mirror=flat))), PackageMirror).sources
    assert "Suites: /\n" in sources
    assert "Components" not in sources


def test_open_ports_are_those_of_the_firewall() -> None:
    plan = compile_plan(setup(login=Login(address=V4, port=2222), keep_ports=(9000, 80)))
    assert plan.hosts[0].open_tcp == (22, 80, 443, 2222, 9000)
    firewall = only(plan, Firewall)
    assert firewall.allow_tcp == plan.hosts[0].open_tcp
    assert "tcp dport { 22, 80, 443, 2222, 9000 } accept" in firewall.content


def test_certificate_by_http_covers_both_names_once() -> None:
    made = only(compile_plan(setup(access_name="chat.family.example")), Certificate)
    assert made.domains == ("family.example", "chat.family.example")
    assert (made.challenge, made.webroot) == ("http-01", "/var/www/matrix-assistant/acme")
    assert only(compile_plan(setup()), Certificate).domains == ("family.example",)


def test_certificate_by_dns_asks_for_the_key_and_keeps_it_from_the_plan() -> None:
    update = DnsUpdate(server="241.0.0.53", key_name="acme.", algorithm="HMAC-SHA512")
    plan = compile_plan(setup(settings=Settings(challenge="dns-01", dns_update=update)))
    secret = only(plan, Secret, "dns-credentials")
    assert (secret.name, secret.form, secret.owner, secret.mode) == (
        "dns-token",
        "provided",
        "root",
        "0400",
    )
    assert (secret.prefix + "VALUE" + secret.suffix).splitlines() == [
        "dns_rfc2136_server = 241.0.0.53",
        "dns_rfc2136_port = 53",
        "dns_rfc2136_name = acme.",
        "dns_rfc2136_algorithm = HMAC-SHA512",
        "dns_rfc2136_secret = VALUE",
    ]
    made = only(plan, Certificate)
    assert (made.challenge, made.dns_plugin, made.dns_credentials, made.webroot) == (
        "dns-01",
        "rfc2136",
        secret.path,
        "",
    )


def test_dns_proof_without_a_usable_server_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        compile_plan(setup(settings=Settings(challenge="dns-01")))
    assert caught.value.cause == "dns-update-missing"
    named = DnsUpdate(server="ns.example.org", key_name="k")
    with pytest.raises(PlanError) as caught:
        compile_plan(setup(settings=Settings(challenge="dns-01", dns_update=named)))
    assert caught.value.cause == "dns-server-name"


def test_an_administrator_with_too_long_a_name_is_refused() -> None:
    long = ".".join(["a" * 55] * 4)
    with pytest.raises(PlanError) as caught:
        compile_plan(setup(server_name=long, access_name=long, settings=Settings(admin="b" * 40)))
    assert caught.value.cause == "name-too-long"


def test_what_the_plan_installs() -> None:
    plan = compile_plan(setup())
    assert planned_packages(plan) == (
        "ca-certificates",
        "nftables",
        "nginx",
        "openssl",
        "postgresql",
        "python3-venv",
        "unattended-upgrades",
    )
    groups = [r.group for r in plan.hosts[0].resources if isinstance(r, Packages)]
    assert len(groups) == len(set(groups)) == 3
    assert planned_locks(plan) == tuple(sorted((lock("certbot"), lock("synapse"))))


def test_no_secret_and_no_password_is_in_an_argument() -> None:
    plan = compile_plan(setup())
    admin = only(plan, Command, "first-admin")
    assert "--password-file" in admin.argv
    assert not {"-p", "--password", "-k", "--shared-secret"} & set(admin.argv)
    assert "'@admin:family.example'" in admin.unless[-1]


def test_records_of_both_names_and_both_kinds_of_address() -> None:
    made = compile_plan(setup(access_name="chat.family.example")).records
    assert [(r.name, r.type, r.values, r.must, r.where) for r in made] == [
        ("family.example", "A", (V4,), "exist", "public"),
        ("family.example", "AAAA", (V6,), "exist", "public"),
        ("chat.family.example", "A", (V4,), "exist", "public"),
        ("chat.family.example", "AAAA", (V6,), "exist", "public"),
    ]
    assert made[0].line == f"family.example. 300 IN A {V4}"


def test_a_host_without_ipv6_must_have_no_aaaa_record() -> None:
    made = compile_plan(setup(public_ipv6="")).records
    assert [(r.type, r.values, r.must) for r in made] == [
        ("A", (V4,), "exist"),
        ("AAAA", (), "absent"),
    ]
    made = compile_plan(setup(public_ipv4="", public_ipv6="3FFF:0:3:0::7")).records
    assert [(r.type, r.values, r.must) for r in made] == [
        ("A", (), "absent"),
        ("AAAA", (V6,), "exist"),
    ]


def test_a_host_without_any_address_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        compile_plan(setup(public_ipv4="", public_ipv6=""))
    assert caught.value.cause == "no-address"


def test_nothing_of_other_sites_is_named() -> None:
    plan = compile_plan(setup())
    ours = [path for path in files(plan) if path.startswith("/etc/nginx")]
    assert all(path.startswith("/etc/nginx/conf.d/matrix-assistant-") for path in ours)
    assert len(ours) == 2
    for path in ours:
        assert "default_server" not in files(plan)[path]
