"""What nginx is told about links and the home line, and what the hosts of option 4 get."""

from __future__ import annotations

import pytest

from assistant.onhost.resources import Absent, File, ManagedBlock, Resource, Service, Timer
from assistant.plan.compile import compile_plan
from assistant.plan.errors import PlanError
from assistant.plan.host_paths import STREAM_CONFIG
from assistant.plan.host_programs.dyndns_update import PATH
from assistant.plan.recipes.links import home_forward, wrapped
from assistant.plan.recipes.links.wrapped import wrapped_clients
from assistant.plan.recipes.web import nginx
from assistant.setup.home_ports import HIGHEST, LOWEST, candidate_ports
from assistant.setup.model import LinkWay, Role, Setup
from tests.support.option_setups import host, setup

INSIDE = "241.0.5.9"


def linked(
    option: int, home: LinkWay = "direct", outside: LinkWay = "direct", **more: object
) -> Setup:
    made = setup(option, **more)
    settings = made.settings.model_copy(update={"home_link": home, "outside_link": outside})
    return made.model_copy(update={"settings": settings})


def plan_of(made: Setup, role: Role) -> tuple[Resource, ...]:
    return compile_plan(made).for_host(made.host(role).name).resources


def stream(made: Setup, role: Role) -> str:
    """nginx's settings for links on a host, one line a directive; empty when it has none."""
    for resource in plan_of(made, role):
        if isinstance(resource, File) and resource.path == STREAM_CONFIG:
            return resource.content
    return ""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_a_direct_home_line_forwards_bytes_and_says_from_where() -> None:
    text = stream(linked(4), Role.HOME)
    assert "listen 20443 so_keepalive=on;" in lines(text)
    assert "listen [::]:20443 so_keepalive=on;" in lines(text)
    assert f"proxy_pass {INSIDE}:8450;" in lines(text)
    assert "proxy_protocol on;" in lines(text)
    assert "ssl" not in text.replace("ssl_preread", "")


def test_a_home_line_without_ipv6_does_not_listen_on_it() -> None:
    made = setup(4)
    without = tuple(
        one.model_copy(update={"public_ipv6": ""}) if one.role is Role.HOME else one
        for one in made.hosts
    )
    assert "[::]" not in stream(made.model_copy(update={"hosts": without}), Role.HOME)


def test_a_wrapped_home_line_puts_the_devices_address_inside_the_tls() -> None:
    outer, inner = stream(linked(4, home="wrapped"), Role.HOME).split("# The near end")
    assert "proxy_protocol on;" in lines(outer)
    assert "proxy_pass 127.0.0.1:8442;" in lines(outer)
    # nginx writes the line before the handshake of the same server block, in the clear.
    assert "proxy_protocol" not in inner
    assert "proxy_ssl on;" in lines(inner)
    assert "proxy_ssl_verify on;" in lines(inner)
    assert "proxy_ssl_server_name off;" in lines(inner)
    assert "proxy_ssl_name inside.link.invalid;" in lines(inner)
    assert f"proxy_pass {INSIDE}:8449;" in lines(inner)


def test_no_name_of_the_setup_is_in_a_near_end() -> None:
    made = linked(4, home="wrapped", outside="wrapped")
    for role in (Role.HOME, Role.OUTSIDE):
        assert made.server_name not in stream(made, role)


@pytest.mark.parametrize("option", [2, 3, 4])
def test_a_wrapped_outside_server_wraps_on_its_own_loopback_address(option: int) -> None:
    made = linked(option, outside="wrapped")
    text = stream(made, Role.OUTSIDE)
    assert "listen 127.0.0.31:443 reuseport;" in lines(text)
    assert f"proxy_pass {INSIDE}:8449;" in lines(text)
    site = next(
        one.content
        for one in plan_of(made, Role.OUTSIDE)
        if isinstance(one, File) and one.path == nginx.SECURE_SITE
    )
    # The kernel lets two sockets share the port only if both say so.
    assert "reuseport" in site


@pytest.mark.parametrize("option", [1, 2, 3])
def test_without_a_wrapped_link_there_is_no_stream_and_what_was_goes(option: int) -> None:
    made = setup(option)
    for one in made.hosts:
        assert stream(made, one.role) == ""
        resources = plan_of(made, one.role)
        assert f"absent:{STREAM_CONFIG}" in [resource.id for resource in resources]
        off = {r.unit for r in resources if isinstance(r, Service) and not r.running}
        assert "matrix-assistant-link-renewal.timer" in off
        assert not any(isinstance(r, Timer) and "link" in r.name for r in resources)


def test_a_home_link_that_is_no_longer_wrapped_is_no_longer_renewed() -> None:
    off = {
        one.unit
        for one in plan_of(linked(4), Role.HOME)
        if isinstance(one, Service) and not one.running
    }
    assert off == {"matrix-assistant-link-renewal.timer"}


def test_the_far_ends_open_what_the_links_need_and_no_more() -> None:
    direct = stream(linked(4), Role.INSIDE)
    assert "listen 8450 so_keepalive=on;" in lines(direct)
    assert "8449" not in direct
    wrapped = stream(linked(4, home="wrapped", outside="wrapped"), Role.INSIDE)
    assert "listen 8449 ssl so_keepalive=on;" in lines(wrapped)
    assert "ssl_verify_client on;" in lines(wrapped)
    assert "8450" not in wrapped
    both = stream(linked(4, outside="wrapped"), Role.INSIDE)
    assert "8449 ssl" in both
    assert "8450" in both
    # The signing service stands behind the certificates only.
    assert "authority" not in both.split("# What the home line forwards.")[1]


def test_a_far_end_answers_to_the_setups_names_only() -> None:
    made = linked(4, home="wrapped", spare_names=("chat-2.example.net",))
    text = stream(made, Role.INSIDE)
    assert r"(im\.example\.cn|chat\-2\.example\.net)$" in text
    assert "default 127.0.0.1:8446;" in lines(text)


def test_the_site_tells_the_home_line_its_address_behind_links_only() -> None:
    def site(made: Setup, role: Role) -> str:
        return next(
            one.content
            for one in plan_of(made, role)
            if isinstance(one, File) and one.path == nginx.SECURE_SITE
        )

    assert f"location = {PATH} {{" in site(linked(4), Role.INSIDE)
    assert PATH not in site(linked(4), Role.OUTSIDE)
    assert PATH not in site(setup(3), Role.INSIDE)


def test_the_home_host_has_neither_site_nor_certificate() -> None:
    for made in (linked(4), linked(4, home="wrapped")):
        ids = [resource.id for resource in plan_of(made, Role.HOME)]
        assert len(ids) == len(set(ids))
        assert f"absent:{home_forward.DEFAULT_SITE}" in ids
        assert not any(one.startswith("certificate:") or "nginx/conf.d" in one for one in ids)
        assert not any("synapse" in one for one in ids)
        text = "".join(str(one) for one in plan_of(made, Role.HOME))
        assert "letsencrypt" not in text


def test_a_site_of_the_users_own_at_home_stays() -> None:
    made = setup(4)
    kept = tuple(
        one.model_copy(update={"keep_ports": (80,)}) if one.role is Role.HOME else one
        for one in made.hosts
    )
    made = made.model_copy(update={"hosts": kept})
    assert not any(isinstance(one, Absent) for one in plan_of(made, Role.HOME))


def test_nginx_keeps_its_own_settings_but_for_one_line() -> None:
    blocks = [one for one in plan_of(linked(4), Role.HOME) if isinstance(one, ManagedBlock)]
    assert [(one.path, one.lines) for one in blocks] == [
        ("/etc/nginx/nginx.conf", ("include /etc/nginx/matrix-assistant-stream*.conf;",))
    ]
    assert blocks[0].check[0] == "/usr/sbin/nginx"


@pytest.mark.parametrize("port", [22, 8442, 8444, 8449])
def test_a_port_that_is_needed_otherwise_cannot_be_the_home_lines(port: int) -> None:
    with pytest.raises(PlanError) as told:
        compile_plan(setup(4, access_port=port))
    assert told.value.cause == "port-taken"


@pytest.mark.parametrize(
    ("home", "outside", "expected"),
    [
        ("direct", "direct", ()),
        ("wrapped", "direct", ("home",)),
        ("direct", "wrapped", ("outside",)),
        ("wrapped", "wrapped", ("home", "outside")),
    ],
)
def test_certificates_are_for_near_ends_of_wrapped_links(
    home: LinkWay, outside: LinkWay, expected: tuple[str, ...]
) -> None:
    made = linked(4, home=home, outside=outside)
    assert tuple(one.name for one in wrapped_clients(made)) == expected
    for role in Role:
        timers = [one.name for one in plan_of(made, role) if isinstance(one, Timer)]
        needs = made.host(role).name in expected or (role is Role.INSIDE and expected)
        assert ("matrix-assistant-link-renewal" in timers) == bool(needs)


def test_the_signing_service_knows_who_belongs_to_the_setup() -> None:
    found = [
        one
        for one in plan_of(linked(4, home="wrapped", outside="wrapped"), Role.INSIDE)
        if isinstance(one, File) and one.path.endswith("matrix-assistant-link@.service")
    ]
    assert (
        "serve --folder /etc/matrix-assistant/link --allow home --allow outside\n"
        in found[0].content
    )
    assert "DynamicUser=yes" in found[0].content
    sockets = [
        one
        for one in plan_of(linked(4, home="wrapped"), Role.INSIDE)
        if isinstance(one, Service) and one.unit.endswith(".socket")
    ]
    assert len(sockets) == 1
    assert any(part.endswith("@.service") for part in sockets[0].after)


def test_an_address_that_is_not_known_is_asked_for() -> None:
    lost = host(Role.INSIDE, public_ipv4="", public_ipv6="")
    with pytest.raises(PlanError) as told:
        wrapped.address_of(lost, 8449)
    assert told.value.cause == "address-unknown"
    six = host(Role.INSIDE, public_ipv4="", public_ipv6="3fff:0:5::9")
    assert wrapped.address_of(six, 8449) == "[3fff:0:5::9]:8449"


def test_candidate_ports_are_high_different_and_the_same_each_time() -> None:
    ports = candidate_ports("family")
    assert ports == candidate_ports("family")
    assert len(ports) == len(set(ports)) == 12
    seen = {port for number in range(400) for port in candidate_ports(f"setup {number}")}
    assert all(LOWEST <= port <= HIGHEST for port in seen)
    assert len(seen) > 3000
    assert not {20080, 20443, 22222, 25565, 27017, 31337, 30303, 20000} & seen
