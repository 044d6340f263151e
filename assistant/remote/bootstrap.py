"""How the program gets to a host: a fixed one-line command, then compressed blocks on stdin.

The command line is the same for every host and request, so it shows nothing in process lists and
sudo's log but what it is. The first block holds the loader and the request. The program itself is
seven times as large, which costs two round trips across a border; a host of ours keeps it, and it
is sent in a second block only where it is not there (or not the same, byte for byte).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assistant.onhost.protocol import STATE_DIR

KEPT = f"{STATE_DIR}/program"
"""Where a host keeps programs, by their digests: a folder of root's alone."""

BOOT = (
    "import sys,zlib,json;"
    'print("MA1 ready",flush=True);'
    "f=sys.stdin.buffer;"
    'n=next((int(l[4:]) for l in iter(f.readline,b"") if l[:4]==b"MA1 "),0);'
    'p=n and json.loads(zlib.decompress(f.read(n)).decode("ascii"));'
    'p and exec(p["boot"],{"__name__":"boot","payload":p})'
)
"""The first stage. One line without quotes, ``!`` or backslashes, so that every login shell (sh,
fish, csh) takes it in single quotes. Lines before the block (a sudo password that sudo did not
read) are skipped."""

LOADER = '''\
import os
import sys
from importlib.machinery import ModuleSpec


class Streamed:
    """Imports modules from memory."""

    def __init__(self, sources, compiled):
        self.sources = sources
        self.compiled = compiled

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        package = any(other.startswith(name + ".") for other in self.sources)
        return ModuleSpec(name, self, origin="<streamed>", is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        code = self.compiled.get(name) or compile(self.sources[name], "<" + name + ">", "exec")
        exec(code, module.__dict__)

    def get_source(self, name):
        return self.sources[name]


def fail(cause, text, tail):
    import json
    event = {"event": "error", "cause": cause, "text": text, "tail": tail}
    print(json.dumps(event), flush=True)
    sys.exit(1)


if sys.version_info < (3, 10):
    fail("unsupported", "This server has Python %d.%d, but 3.10 or later is needed: use Debian 12"
         " or Ubuntu 22.04 or later." % sys.version_info[:2], [])


import hashlib
import json
import zlib


def read(name):
    try:
        with open(os.path.join(payload["kept"], name), "rb") as file:
            return file.read()
    except OSError:
        return b""


def keep(name, data):
    # Only on a server that was set up: elsewhere nothing is changed before the person agrees.
    folder = payload["kept"]
    if os.geteuid() != 0 or not os.path.isdir(os.path.dirname(folder)):
        return
    fresh = os.path.join(folder, ".%d" % os.getpid())
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        places = [os.path.join(folder, name) for name in os.listdir(folder)]
        for place in sorted(places, key=os.path.getmtime)[:-15]:
            os.unlink(place)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.rename(fresh, os.path.join(folder, name))
    except OSError:
        try:
            os.unlink(fresh)
        except OSError:
            pass


def is_it(data):
    return hashlib.sha256(data).hexdigest() == payload["digest"]


def given():
    print("MA1 more", flush=True)
    f = sys.stdin.buffer
    n = next((int(l[4:]) for l in iter(f.readline, b"") if l[:4] == b"MA1 "), 0)
    data = f.read(n)
    if not is_it(data):
        sys.exit(1)  # the assistant left, or the line broke
    keep(payload["digest"], data)
    return data


def compiled(modules):
    """What this Python makes of a kept program: making it anew takes a quarter of a re-apply."""
    import marshal
    from importlib.util import MAGIC_NUMBER
    name = payload["digest"] + "." + MAGIC_NUMBER.hex()
    data = read(name)
    if data[:32] == hashlib.sha256(data[32:]).digest():
        return marshal.loads(data[32:])
    made = {one: compile(text, "<" + one + ">", "exec") for one, text in modules.items()}
    data = marshal.dumps(made)
    keep(name, hashlib.sha256(data).digest() + data)
    return made


packed = read(payload["digest"])
is_kept = is_it(packed)
if not is_kept:
    packed = given()
modules = json.loads(zlib.decompress(packed).decode("ascii"))
sources = {"assistant": ""}
sources.update(modules)
sys.meta_path.insert(0, Streamed(sources, compiled(modules) if is_kept else {}))
try:
    from assistant.onhost.main import main
    code = main(payload["request"], modules)
except Exception as exc:
    import traceback
    # where it broke, without the values it broke on: they may be secret
    lines = traceback.format_tb(exc.__traceback__)
    fail("unknown", "The program on the server broke off: " + type(exc).__name__,
         "".join(lines).splitlines()[-12:])
sys.exit(code)
'''
"""The second stage: it comes with the block."""


@dataclass(frozen=True)
class Blocks:
    """What is sent on stdin, each as the line ``MA1 N``, then N bytes: at once, and when asked."""

    request: bytes
    program: bytes


def blocks(request: Mapping[str, Any], modules: Mapping[str, str]) -> Blocks:
    """The loader and the request as compressed JSON, and the program by itself."""
    program, digest = _packed(tuple(modules.items()))
    told = {"boot": LOADER, "request": dict(request), "digest": digest, "kept": KEPT}
    return Blocks(_block(_compressed(told)), _block(program))


@lru_cache(8)
def _packed(modules: tuple[tuple[str, str], ...]) -> tuple[bytes, str]:
    """The sources, compressed, and their digest."""
    data = _compressed(dict(modules))
    return data, hashlib.sha256(data).hexdigest()


def _compressed(value: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"), 9)


def _block(data: bytes) -> bytes:
    return b"MA1 %d\n" % len(data) + data
