"""A hundred thousand odd inputs: each is refused with a sentence, or means no more than its text.

What is accepted is compiled into a plan, and the plan must have the same shape as with a plain
value: as many resources, lines, statements, arguments and tags, whatever was typed. The first test
does so for option 1, the second for what the other options ask besides.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from assistant.common.errors import AssistantError, ProblemError
from assistant.onhost.resources import Resource, to_json
from assistant.plan.compile import RECIPES, compile_plan
from assistant.setup.model import Setup
from assistant.text import LANGUAGES, Message, msg, render
from assistant.text.sanitize import clean_text
from tests.support import option_setups
from tests.support.plan_setups import setup

INPUTS = int(os.environ.get("MATRIX_ASSISTANT_ODD_INPUTS", "100000"))
"""`make check` tries fewer."""
PARTS = 4
"""They are tried side by side where there are so many cores."""
INPUTS_OF_OTHERS = 3_000

_ODD = (
    *("'", '"', "`", "\\", ";", "|", "&", "$", "(", ")", "{", "}", "<", ">", "#", "%", "*", "?"),
    *(
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\0",
        "\x1b[2J",
        "\x1b]0;x\x07",
        "\x7f",
        "\x85",
        "\u2028",
        "\u202e",
    ),
    *(" ", "  ", "..", "../", "/", "//", ":", "@", "=", "-", "--", "_", ".", ",", "+", "~", "!"),
    *("$(reboot)", "`id`", "; rm -rf /", "&& id", "| sh", "%s%n", "{0}", "@NAMES@", "@LISTEN@"),
    *("-oProxyCommand=id", "--help", "[bold]x[/]", "[@click=app.quit]x[/]", "<script>", "&lt;"),
    *(
        "}\nserver { listen 1; }",
        "\n[Service]\nExecStart=/bin/id",
        '", "x": "',
        "*/",
        "<!--",
        "\ufeff",
    ),
    *(
        "例え",
        "家庭",
        "ü",
        "ß",
        "İ",
        "ı",
        "１２",
        "٣",
        "🙂",
        "a\u0301",
        "\u200d",
        "\u200b",
        "xn--",
        "XN--A",
    ),
    *("0x7f.1", "127.1", "::1", "fe80::1%eth0", "1.2.3.4/8", "[::1]", "256.1.1.1", "1e3", "٢٢"),
    *("a" * 64, "b" * 300, "c." * 130, "ssh-ed25519 AAAA", "root@", "https://", "http://a:b@c/"),
)


@dataclass(frozen=True)
class Field:
    """Something a person types. ``plain`` are values as they should be; ``path`` leads to it."""

    name: str
    plain: tuple[str, ...]
    path: tuple[str | int, ...]


FIELDS = (
    Field("server name", ("family.example", "im.example.org", "家庭.example"), ("server_name",)),
    Field("access name", ("chat.family.example", "münchen.example"), ("access_name",)),
    Field("spare name", ("spare.example.net",), ("spare_names", 0)),
    Field("address", ("203.0.113.7", "vps.example.org"), ("hosts", 0, "login", "address")),
    Field("account", ("root", "debian", "svc_1"), ("hosts", 0, "login", "user")),
    Field("key file", ("~/.ssh/id_ed25519", "C:\\keys\\id"), ("hosts", 0, "login", "key_file")),
    Field("IPv4", ("203.0.113.7",), ("hosts", 0, "public_ipv4")),
    Field("IPv6", ("2001:db8::7",), ("hosts", 0, "public_ipv6")),
    Field("host name", ("outside",), ("hosts", 0, "name")),
    Field("mail", ("anna@example.org",), ("settings", "acme_email")),
    Field("ACME directory", ("https://acme.example/directory",), ("settings", "acme_directory")),
    Field("administrator", ("admin", "anna.b"), ("settings", "admin")),
    Field("filing", ("京ICP备12345678号-1",), ("settings", "filing")),
    Field("security filing", ("京公网安备 11010102000001号",), ("settings", "security_filing")),
    Field("resolver", ("9.9.9.9", "dns.example.org"), ("settings", "resolvers", 0)),
    Field("mirror", ("https://mirror.example/debian",), ("settings", "mirror", "uri")),
    Field("pip settings", ("[global]\nindex-url = https://m.example/simple\n",),
          ("settings", "mirror", "pip_conf")),
    Field("provider", ("alidns",), ("settings", "provider", "name")),
    Field("provider account", ("LTAI5tExample",), ("settings", "provider", "account")),
    Field("TSIG key", ("operator-key",), ("settings", "dns_update", "key_name")),
)  # fmt: skip


OTHER_FIELDS = (
    Field("server name", ("im.family.example", "im.家庭.example"), ("server_name",)),
    Field("outside name", ("chat.example.org", "münchen.example"), ("outside_name",)),
    Field("address", ("203.0.113.7", "home.lan"), ("hosts", 0, "login", "address")),
    Field("account", ("root", "debian"), ("hosts", 0, "login", "user")),
    Field("second server's name", ("second",), ("hosts", 1, "name")),
    Field("second server's IPv4", ("203.0.113.9",), ("hosts", 1, "public_ipv4")),
    Field("second server's IPv6", ("2001:db8::9",), ("hosts", 1, "public_ipv6")),
    Field("filing", ("京ICP备12345678号-1",), ("settings", "filing")),
    Field("DNS server", ("192.0.2.1",), ("settings", "dns_update", "server")),
    Field("TSIG key", ("operator-key",), ("settings", "dns_update", "key_name")),
    Field("provider account", ("LTAI5tExample",), ("settings", "provider", "account")),
    Field("provider's server", ("192.0.2.1",), ("settings", "provider", "update", "server")),
    Field("provider's key", ("operator-key",), ("settings", "provider", "update", "key_name")),
    Field("resolver", ("9.9.9.9",), ("settings", "resolvers", 0)),
)
"""What a person types for options 2 to 4."""


def odd_text(rng: random.Random, plain: str) -> str:
    """A plain value bent in one of many ways, or something that has nothing to do with it."""
    way = rng.randrange(6)
    if way == 0:
        return "".join(rng.choice(_ODD) for _ in range(rng.randint(0, 4)))
    if way == 1:
        return "".join(chr(rng.randrange(0x20, 0x3000)) for _ in range(rng.randint(0, 12)))
    at = rng.randint(0, len(plain))
    if way == 2:
        return plain[:at] + rng.choice(_ODD)
    if way == 3:
        return rng.choice(_ODD) + plain[at:]
    if way == 4:
        return plain[:at] + rng.choice(_ODD) + plain[at:]
    return rng.choice(
        (plain.upper(), f" {plain} ", plain * 2, plain[::-1], plain[:at], f"{plain}.")
    )


def inputs(
    seed: int, count: int, fields: tuple[Field, ...] = FIELDS
) -> Iterator[tuple[Field, str]]:
    """``count`` odd inputs, the same for the same seed, of all fields in turn."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    for number in range(count):
        field = fields[number % len(fields)]
        yield field, odd_text(rng, rng.choice(field.plain))


BASE: dict[str, Any] = {
    **setup().model_dump(mode="json"),
    "access_name": "chat.family.example",
    "spare_names": ["spare.example.net"],
}
BASE["settings"] |= {
    "mirror": {"uri": "https://mirror.example/debian", "pip_conf": ""},
    "acme_email": "anna@example.org",
    "filing": "1",
    "security_filing": "2",
    "resolvers": ["9.9.9.9"],
    "provider": {"name": "alidns", "account": "x"},
    "dns_update": {"server": "192.0.2.1", "key_name": "key"},
}


def base_of(option: int) -> dict[str, Any]:
    """The data of a setup of option 2, 3 or 4 in which every field has a value."""
    # A name of each kind of its own, so that none falls together with another.
    made = option_setups.setup(option, server_name="im.family.cn", access_name="im.example.cn")
    data = made.model_dump(mode="json")
    data["hosts"][1]["public_ipv6"] = "2001:db8::1"
    data["settings"] |= {"filing": "1", "resolvers": ["9.9.9.9"]}
    return dict(data)


def names_of(data: Setup) -> int:
    """How many names a setup has: each is in its certificates and pages."""
    names = (data.server_name, data.access_name, data.outside_name, *data.spare_names)
    return len({name for name in names if name})


def addresses_of(data: Setup) -> int:
    """How many public addresses its servers have."""
    return sum(bool(host.public_ipv4) + bool(host.public_ipv6) for host in data.hosts)


def with_value(base: dict[str, Any], field: Field, value: str) -> dict[str, Any]:
    """The data of a setup in which a field has a value."""

    def bent(place: Any, path: tuple[str | int, ...]) -> Any:
        if not path:
            return value
        copied = place.copy()  # of what lies on the way only
        copied[path[0]] = bent(place[path[0]], path[1:])
        return copied

    return dict(bent(base, field.path))


class _Tags(HTMLParser):
    """The tags of a page and the names of their attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Note its end."""
        self.found.append(tag)


def keys_of(value: Any) -> Any:
    """The shape of JSON data: its keys and lengths, without its values."""
    if isinstance(value, dict):
        return {name: keys_of(item) for name, item in value.items()}
    return [keys_of(item) for item in value] if isinstance(value, list) else type(value).__name__


def shape(resource: dict[str, Any]) -> object:
    """What must not depend on what was typed: lines, statements, keys, tags, arguments."""
    found: dict[str, object] = {}
    for name, value in resource.items():
        if isinstance(value, (list, tuple)):
            found[name] = len(value)
        elif not isinstance(value, str):
            found[name] = value
        elif name == "content" and str(resource.get("path", "")).endswith(".html"):
            tags = _Tags()
            tags.feed(value)
            found[name] = tags.found
        elif name == "content" and str(resource.get("path", "")).endswith("homeserver.yaml"):
            found[name] = keys_of(json.loads(value.partition("\n")[2]))
        else:
            statements = Counter(c for c in value if c in "{};`\0\r\x0b\x0c\x85\u2028\u2029")
            words = [re.split(r"[\s=:]", line, maxsplit=1)[0] for line in value.splitlines()]
            found[name] = (value.count("\n"), statements, words if name == "content" else None)
    return found


_OPEN = {"pip_conf", "requirements"}
"""Fields handed on whole: pip's own settings are the person's to write."""


def shape_of(data: Setup) -> object:
    """The shape of every resource of a setup's plan."""
    plan = compile_plan(data)
    return [[shape_once(resource) for resource in host.resources] for host in plan.hosts]


@lru_cache(maxsize=4096)
def shape_once(resource: Resource) -> object:
    """The shape of a resource; one input leaves most of them as they were."""
    return shape({k: v for k, v in to_json(resource).items() if k not in _OPEN})


def sentence(error: Exception) -> Message | str:
    """What a person is told about an input that is refused."""
    if isinstance(error, ValidationError):
        from assistant.common.validation_messages import first_problem

        return first_problem(error, Setup, "file", "")
    assert isinstance(error, (AssistantError, ProblemError))
    return error.message


def refused_or_harmless(base: dict[str, Any], odd: Iterator[tuple[Field, str]]) -> Counter[str]:
    """Assert that each odd input is refused in words, or that the plan keeps its shape."""
    told_plainly = Setup.model_validate(base)
    plain = shape_of(told_plainly)
    names, addresses = names_of(told_plainly), addresses_of(told_plainly)
    counts: Counter[str] = Counter()
    seen: set[tuple[Field, str]] = set()
    for field, value in odd:
        try:
            made = Setup.model_validate(with_value(base, field, value))
        except (ValidationError, ProblemError) as error:
            counts["refused"] += 1
            told = sentence(error)
            for language in LANGUAGES:
                text = render(told, language) if isinstance(told, Message) else told
                assert len(text) > 10, (field.name, value)
            continue
        counts["accepted"] += 1
        canonical = (field, made.model_dump_json())
        if canonical in seen:
            continue
        seen.add(canonical)
        try:
            found = shape_of(made)
        except AssistantError as error:
            assert len(str(error.message)) > 10, (field.name, value)
            continue
        if "IPv" in field.name and addresses_of(made) < addresses:
            continue  # a server without an address of a kind listens on fewer lines
        if field.name.endswith("filing") and not value.strip():
            continue  # without a number the page has no link for it
        if names_of(made) < names:
            continue  # two of its names are one: there are fewer of them everywhere
        assert found == plain, (field.name, value)
    return counts


@pytest.mark.parametrize("part", range(PARTS))
def test_odd_inputs_are_refused_with_a_sentence_or_harmless(part: int) -> None:
    count = INPUTS // PARTS
    odd = islice(inputs(20261123, INPUTS), part * count, (part + 1) * count)
    counts = refused_or_harmless(BASE, odd)
    assert counts["refused"] + counts["accepted"] == count
    assert counts["accepted"] > count / 50, counts


@pytest.mark.parametrize("option", [2, 3, 4])
def test_odd_inputs_for_the_other_options(option: int) -> None:
    odd = inputs(option, INPUTS_OF_OTHERS, OTHER_FIELDS)
    counts = refused_or_harmless(base_of(option), odd)
    assert counts["accepted"] > INPUTS_OF_OTHERS / 50, counts


@pytest.mark.parametrize("language", LANGUAGES)
def test_odd_text_never_reaches_the_screen_as_more_than_text(language: str) -> None:
    for field, value in inputs(7, 5000):
        shown = clean_text(render(msg("It is called {name}.", name=value), language))
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown), (field.name, value)
        assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200f\u2028")
        assert clean_text(shown) == shown


def test_an_argument_is_never_put_into_a_shell() -> None:
    """No command of any plan is a shell that gets text to interpret."""
    shells: Callable[[str], bool] = re.compile(r"(^|/)(ba|da|z|k)?sh$").search  # type: ignore[assignment]
    setups = (setup(), *map(option_setups.setup, (2, 3, 4)))
    hosts = [host for data in setups for host in compile_plan(data).hosts]
    for resource in (to_json(r) for host in hosts for r in host.resources):
        for name in ("argv", "unless", "validate", "check", "command"):
            words = resource.get(name) or ()
            assert not (words and shells(words[0])), resource
    assert RECIPES
