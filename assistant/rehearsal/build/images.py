"""Debian base images, and the layer with the lab's own servers that lies over one of them."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

from assistant.rehearsal.build.requirements import architecture
from assistant.rehearsal.cache import Report, digest, remove_tree
from assistant.rehearsal.errors import RehearsalError, tail
from assistant.rehearsal.processes.commands import clean_environment, run

IMAGE_RECIPE = 1
"""Raise it when the recipe below changes, so that nobody's cache keeps an old image."""

BASE_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpam-systemd",
    "openssh-server",
    "sudo",
    "iproute2",
    "procps",
    "netbase",
    "nftables",
    "python3",
    "ca-certificates",
)
"""About what a cheap virtual server has on its first day."""

SERVICES_RECIPE = 2

SERVICE_PACKAGES = ("knot", "unbound", "pebble", "dnsmasq-base")
"""What runs the lab's names and certificates, and the DNS of home routers."""

PYTHON_OF = {"trixie": "3.13", "bookworm": "3.11"}
"""The releases there are images of, and the Python of each."""

BOOTSTRAP_TIMEOUT = 900.0


def image_digest(release: str) -> str:
    """What the image of a release is made from, as a digest."""
    if release not in PYTHON_OF:
        known = ", ".join(PYTHON_OF)
        raise RehearsalError(f"There is no practice image of {release}; there is {known}.")
    return digest(IMAGE_RECIPE, release, architecture(), BASE_PACKAGES)


def build_image(release: str, folder: Path, report: Report) -> None:
    """Make a Debian root in `folder`/root with mmdebstrap, from Debian's own mirror.

    Needs the network and root; 25 to 60 s. Raises RehearsalError with the tail of the log.
    """
    root = folder / "root"
    argv = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(BASE_PACKAGES)}",
        # Lab hosts only: it halves the time packages take, and no lab host outlives its run.
        "--dpkgopt=force-unsafe-io",
        '--aptopt=Acquire::Languages "none"',
        release,
        str(root),
    ]
    report(f"{release}: building the image (about half a minute).")
    lines: list[str] = []
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=clean_environment({"TMPDIR": str(folder)}),
    )
    watchdog = threading.Timer(BOOTSTRAP_TIMEOUT, process.kill)
    watchdog.start()
    try:
        for line in process.stderr or ():
            lines.append(line.rstrip())
            if line.startswith("I: ") and line.rstrip().endswith("..."):
                report(f"{release}: {line[3:].rstrip()}")
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        watchdog.cancel()
    if code != 0:
        raise RehearsalError(f"The image of {release} could not be built.", tail("\n".join(lines)))
    _strip(root)


def _strip(root: Path) -> None:
    """Take away what must be each host's own."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("")


def unpack_services(debs: Path, folder: Path) -> None:
    """Unpack the servers' packages into `folder`/layer.

    They are unpacked, not installed: no maintainer script runs and nothing is enabled anywhere.
    The layer is used over the image that `debs` was computed against.
    """
    layer = folder / "layer"
    layer.mkdir()
    for package in sorted(debs.glob("*.deb")):
        run(["dpkg-deb", "--extract", str(package), str(layer)], timeout=60)
    for name in ("bin", "sbin", "lib", "lib64"):
        # In the image these are links into /usr; a folder of the layer would hide the link.
        if (layer / name).is_dir():
            target = layer / "usr" / name
            shutil.copytree(layer / name, target, symlinks=True, dirs_exist_ok=True)
            remove_tree(layer / name)
