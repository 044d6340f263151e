"""How the program gets to a host: a fixed one-line command, then one compressed block on stdin.

The command line is the same for every host and request, so it shows nothing in process lists and
sudo's log but what it is. The block holds the loader, the sources and the request.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

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
import sys
from importlib.machinery import ModuleSpec


class Streamed:
    """Imports modules from memory."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        package = any(other.startswith(name + ".") for other in self.sources)
        return ModuleSpec(name, self, origin="<streamed>", is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.sources[name], "<" + name + ">", "exec"), module.__dict__)

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
modules = payload["modules"]
sources = {"assistant": ""}
sources.update(modules)
sys.meta_path.insert(0, Streamed(sources))
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


def block(request: Mapping[str, Any], modules: Mapping[str, str]) -> bytes:
    """What is sent on stdin: the line ``MA1 N``, then N bytes of compressed JSON."""
    text = json.dumps(
        {"boot": LOADER, "modules": dict(modules), "request": dict(request)},
        separators=(",", ":"),
    )
    data = zlib.compress(text.encode("ascii"), 9)
    return b"MA1 %d\n" % len(data) + data
