"""Values for a larger deployment: what goes along is named, what holds data or secrets is not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from assistant.common.errors import InputError
from assistant.export import helm_values
from assistant.export.helm import SECRET, moved_settings
from assistant.setup.homeservers import homeservers
from tests.support.option_setups import INSIDE_NAME, OUTSIDE_NAME, setup


def parsed(text: str) -> dict[str, Any]:
    """The tree of a values file: the little of YAML that it uses, read strictly."""
    root: dict[str, Any] = {}
    stack: list[tuple[int, dict[str, Any]]] = [(-1, root)]
    lines = iter([line for line in text.splitlines() if not line.startswith("#")])
    pending: str | None = None
    while True:
        line = pending if pending is not None else next(lines, None)
        pending = None
        if line is None:
            return root
        match = re.fullmatch(r"( *)([A-Za-z0-9.-]+):(?: (.+))?", line)
        assert match, line
        depth = len(match[1])
        while stack[-1][0] >= depth:
            stack.pop()
        where = stack[-1][1]
        assert match[2] not in where, f"{match[2]} twice"
        if match[3] is None:
            where[match[2]] = {}
            stack.append((depth, where[match[2]]))
        elif match[3] == "|":
            block = []
            while (pending := next(lines, None)) is not None and pending.startswith(
                " " * (depth + 2)
            ):
                block.append(pending[depth + 2 :])
            where[match[2]] = "\n".join(block)
            if pending is None:
                return root
        else:
            where[match[2]] = json.loads(match[3])


@pytest.mark.parametrize("option", [1, 2, 3, 4])
def test_the_server_keeps_what_it_is(option: int) -> None:
    tree = parsed(helm_values(setup(option)))
    main = homeservers(setup(option))[0]
    assert tree["serverName"] == main.server_name
    assert tree["synapse"]["ingress"] == {"host": main.access_name}
    rules = json.loads(tree["synapse"]["additional"]["50-moved.yaml"]["config"])
    assert rules == moved_settings(setup(option), main)
    assert rules["enable_registration"] is False
    assert rules["federation_domain_whitelist"] == [
        s.server_name for s in homeservers(setup(option))
    ]
    assert rules["max_upload_size"] == "50M"
    assert tree["matrixAuthenticationService"] == {"enabled": False}
    assert tree["synapse"]["signingKey"] == {
        "secret": SECRET,
        "secretKey": "homeserver.signing.key",
    }


def test_nothing_of_the_old_machine_goes_along() -> None:
    made = setup(2)
    made = made.model_copy(
        update={
            "settings": made.settings.model_copy(update={"workers": 2, "outside_link": "wrapped"})
        }
    )
    for host in ("inside", "outside"):
        text = helm_values(made, host)
        for part in ("/etc/", "/var/", "/run/", "127.0.0", "replication", "worker-1", "QUJD"):
            assert part not in text.replace("record in /etc/hosts", "").replace(
                "records in /etc/hosts", ""
            ), part
        assert "password" in text, "the name of the secret, never its value"
        assert not re.search(r"password: *\"", text)
    assert parsed(helm_values(made, "outside"))["serverName"] == OUTSIDE_NAME
    with pytest.raises(InputError, match="no Matrix server on home"):
        helm_values(setup(4), "home")


def test_what_is_left_behind_is_said_first() -> None:
    text = helm_values(setup(4, spare_names=("spare.example.net",)))
    head = text[: text.index("serverName")]
    for part in ("NOT in here", "never start both", "spare.example.net", "port 20443", INSIDE_NAME):
        assert part in head, part
    assert "home line" not in helm_values(setup(1))
    assert "Left behind" not in helm_values(setup(1, access_name="m.example.org"))


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed on this computer")
def test_helm_reads_the_values(tmp_path: Any) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 0.1.0\n")
    (chart / "templates" / "x.yaml").write_text("name: {{ .Values.serverName | quote }}\n")
    file = tmp_path / "values.yaml"
    file.write_text(helm_values(setup(3)))
    done = subprocess.run(
        ["helm", "template", "x", str(chart), "-f", str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert INSIDE_NAME in done.stdout
