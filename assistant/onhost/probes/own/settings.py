"""What stands in our files: hand edits, who may be federated with, names, certificates."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import ssl
import stat
import time
from collections.abc import Mapping
from typing import Any

from assistant.onhost.probes.own.place import Place, printable
from assistant.onhost.protocol import STATE_DIR

_LIST = re.compile(r"^(\w+):[ \t]*(\[[^\]]*\])?[ \t]*$((?:\n[ \t]*-[ \t]*[^\n]+)*)", re.M)
_ENTRY = re.compile(r"[^\s\[\],\"'-][^\s\[\],\"']*")


def digest(data: bytes) -> str:
    """As in the notes of what we wrote (``assistant.onhost.system.path_state``)."""
    return hashlib.sha256(data).hexdigest()[:32]


def files(place: Place, probe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``files`` → those that are not as they should be: ``path``, ``what``, ``age`` in seconds.

    Each is ``path``, ``owner``, ``mode``, ``digest`` of the content (empty for a secret, whose
    content is nobody's business), and for a block in somebody else's file ``id``, ``begin`` and
    ``end``: its first and last line. ``what``: ``missing``, ``by-hand`` (neither as planned nor as
    we wrote it), ``not-applied`` (as we wrote it last, but the plan has changed since),
    ``rights`` (owner or mode).
    """
    state = _notes(place)
    owners = _owners(place)
    found = []
    for item in probe["files"]:
        path = str(item["path"])
        what = _difference(place, item, state, owners)
        if what:
            with contextlib.suppress(OSError):
                age = max(0.0, time.time() - os.stat(place.real(path)).st_mtime)
                found.append({"path": path, "what": what, "age": round(age)})
                continue
            found.append({"path": path, "what": what, "age": None})
    return found


def _difference(
    place: Place, item: Mapping[str, Any], state: Mapping[str, Any], owners: Mapping[str, int]
) -> str:
    path, wanted = str(item["path"]), str(item["digest"])
    data = place.read(path)
    if data is None:
        return "missing"
    begin = str(item.get("begin", ""))
    if begin:
        block = _block(data, begin.encode(), str(item["end"]).encode())
        if block is None:
            return "missing"
        known = state.get(f"block:{item['id']}") or []
        return _edited(digest(block), wanted, known)
    if wanted and (edited := _edited(digest(data), wanted, state.get(f"written:{path}") or [])):
        return edited
    info = os.stat(place.real(path))
    owner = owners.get(str(item["owner"]))
    if stat.S_IMODE(info.st_mode) != int(str(item["mode"]), 8):
        return "rights"
    return "rights" if owner is not None and owner != info.st_uid else ""


def _notes(place: Place) -> Mapping[str, Any]:
    """What the host noted of our own writing (``assistant.onhost.engine.state``)."""
    for end in ("", ".backup"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            values = json.loads(place.read(f"{STATE_DIR}/state.json{end}") or b"")["values"]
            if isinstance(values, dict):
                return values
    return {}


def _edited(now: str, wanted: str, written: list[str]) -> str:
    if now == wanted:
        return ""
    return "not-applied" if now in written else "by-hand"


def _block(data: bytes, begin: bytes, end: bytes) -> bytes | None:
    lines = data.splitlines(keepends=True)
    stripped = [line.rstrip(b"\r\n") for line in lines]
    if begin not in stripped or end not in stripped:
        return None
    return b"".join(lines[stripped.index(begin) : stripped.index(end) + 1])


def _owners(place: Place) -> dict[str, int]:
    rows = (place.read("/etc/passwd") or b"").decode("utf-8", "replace").splitlines()
    fields = (row.split(":") for row in rows)
    return {row[0]: int(row[2]) for row in fields if len(row) > 2 and row[2].isdigit()}


def federation(place: Place, probe: Mapping[str, Any]) -> dict[str, Any]:
    """``federation`` (``path`` of Synapse's settings) → ``servers`` it may speak with and
    ``addresses`` it may use beside public ones, None where the settings name none; ``age`` of the
    file in seconds. ``readable`` is false when they are no settings at all.

    We write JSON, which is YAML too; what a person made of it is read line by line.
    """
    path = str(probe["federation"]["path"])
    text = (place.read(path) or b"").decode("utf-8", "replace")
    age = max(0.0, time.time() - os.stat(place.real(path)).st_mtime)
    told = read_lists(text)
    return {
        "servers": told.get("federation_domain_whitelist"),
        "addresses": told.get("ip_range_whitelist"),
        "readable": bool(told),
        "age": round(age),
    }


def read_lists(text: str) -> dict[str, Any]:
    """The settings' top level in JSON, or what lists can be made out in YAML of a hand."""
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    with contextlib.suppress(ValueError):
        whole = json.loads(plain)
        return whole if isinstance(whole, dict) else {}
    found: dict[str, Any] = {}
    for match in re.finditer(r'"?(\w+)"?\s*:\s*(\[[^\]]*\])', plain):
        found[match[1]] = _ENTRY.findall(match[2])
    for match in _LIST.finditer(plain):
        if match[3]:
            found[match[1]] = [line for line in _ENTRY.findall(match[3]) if line != "-"]
    return found


def names(place: Place, probe: Mapping[str, Any]) -> dict[str, list[str]]:
    """``names`` → for each: its addresses in the hosts file.

    They are not looked up: a private name that is missing there would go to a stranger's resolver.
    """
    lines = (place.read("/etc/hosts") or b"").decode("utf-8", "replace").splitlines()
    rows = [line.partition("#")[0].split() for line in lines]
    return {
        name: [printable(row[0], 45) for row in rows if name in row[1:]]
        for name in map(str, probe["names"])
    }


def certificates(place: Place, probe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``certificates`` (``path`` of a chain, ``name``, ``port``) → ``path``, whether there is one
    (``there``), its ``age`` in seconds, and whether the web server here shows the same (``same``;
    None when it shows none).
    """
    return [_certificate(place, item) for item in probe["certificates"]]


def _certificate(place: Place, item: Mapping[str, Any]) -> dict[str, Any]:
    path = str(item["path"])
    told: dict[str, Any] = {"path": path, "there": False, "age": None, "same": None}
    data = place.read(path)
    if data is None:
        return told
    first = data.decode("ascii", "replace").partition("-----END CERTIFICATE-----")
    leaf = ssl.PEM_cert_to_DER_cert(first[0][first[0].index("-----BEGIN") :] + first[1] + "\n")
    told.update(there=True, age=round(max(0.0, time.time() - os.stat(place.real(path)).st_mtime)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Only compared with the file, byte by byte.
    try:
        with (
            socket.create_connection(("127.0.0.1", int(item["port"])), 5) as plain,
            context.wrap_socket(plain, server_hostname=str(item["name"])) as served,
        ):
            told["same"] = served.getpeercert(binary_form=True) == leaf
    except OSError as error:
        told["text"] = printable(str(error))
    return told
