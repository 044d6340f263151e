"""What a new server gets before its first boot: a name, keys, people, resolver and trust."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assistant.rehearsal.cache import remove_tree
from assistant.rehearsal.processes.commands import run, run_async

TIMEOUT = 60.0
PASSWORD_BYTES = 12


@dataclass(frozen=True)
class LabUser:
    """A person's account on a lab host; the operator's key opens all of them."""

    name: str
    sudo: Literal["password", "free", "none"] = "password"
    """Whether sudo wants the password, wants nothing, or is not allowed."""
    password: str | None = None
    """None: one is made up, and told in `LabHost.users`."""


DEFAULT_USERS = (LabUser("operator", "password"), LabUser("nopass", "free"))


@dataclass(frozen=True)
class Trust:
    """The authorities every lab machine trusts besides the public ones."""

    certificates: tuple[Path, ...]

    def hashed(self) -> tuple[tuple[str, Path], ...]:
        """Each certificate with the file name under which OpenSSL looks for it."""
        return tuple(
            (
                run(
                    ["openssl", "x509", "-noout", "-subject_hash", "-in", str(path)], timeout=20
                ).stdout.strip()
                + ".0",
                path,
            )
            for path in self.certificates
        )


async def provision(
    root: Path,
    *,
    name: str,
    users: Sequence[LabUser],
    public_key: str,
    trust: Trust,
    sshd_port: int,
    python: bool,
    resolver: str,
) -> tuple[LabUser, ...]:
    """Write a host's own files below `root`; returns its users with their passwords."""
    _write_identity(root, name, sshd_port, resolver)
    _write_trust(root, trust)
    _authorize(root / "root", public_key)
    known = tuple(
        replace(user, password=user.password or secrets.token_urlsafe(PASSWORD_BYTES))
        for user in users
    )
    await asyncio.gather(
        _make_host_keys(root),
        _add_users(root, known, public_key),
    )
    if not python:
        await _take_python(root)
    return known


def host_keys(root: Path) -> tuple[str, ...]:
    """The public host keys below `root`, as "type base64"."""
    found = sorted((root / "etc/ssh").glob("ssh_host_*_key.pub"))
    return tuple(" ".join(path.read_text().split()[:2]) for path in found)


def _write_identity(root: Path, name: str, sshd_port: int, resolver: str) -> None:
    etc = root / "etc"
    for key in (etc / "ssh").glob("ssh_host_*"):
        key.unlink()
    (etc / "machine-id").write_text("")
    (etc / "hostname").write_text(f"{name}\n")
    (etc / "hosts").write_text(
        f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n"
    )
    (etc / "resolv.conf").unlink(missing_ok=True)
    (etc / "resolv.conf").write_text(f"nameserver {resolver}\n")
    journal = etc / "systemd/journald.conf.d/lab.conf"
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text("[Journal]\nSystemMaxUse=16M\n")
    port = etc / "ssh/sshd_config.d/lab.conf"
    if sshd_port != 22:
        port.write_text(f"Port {sshd_port}\n")
    else:
        port.unlink(missing_ok=True)


def _write_trust(root: Path, trust: Trust) -> None:
    # By hand instead of update-ca-certificates, which takes longer than the boot. The source
    # files are where it looks for them, so running it later changes nothing.
    local, store = root / "usr/local/share/ca-certificates", root / "etc/ssl/certs"
    local.mkdir(parents=True, exist_ok=True)
    bundle = store / "ca-certificates.crt"
    content = bundle.read_text() if bundle.exists() else ""
    for hashed, path in trust.hashed():
        text = path.read_text()
        source = local / f"{path.stem}.crt"
        source.write_text(text)
        if text not in content:
            content += text
        for link, target in (
            (store / f"{path.stem}.pem", f"/usr/local/share/ca-certificates/{source.name}"),
            (store / hashed, f"{path.stem}.pem"),
        ):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    bundle.write_text(content)


def _authorize(home: Path, public_key: str) -> None:
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = folder / "authorized_keys"
    keys.write_text(f"{public_key}\n")
    keys.chmod(0o600)
    owner = home.stat()
    for path in (folder, keys):
        os.chown(path, owner.st_uid, owner.st_gid)


def _listed(database: Path, name: str) -> bool:
    return f"\n{name}:" in f"\n{database.read_text()}"


async def _make_host_keys(root: Path) -> None:
    # A shorter RSA key than Debian's, because making that one takes longer than the whole boot.
    rsa = ["-t", "rsa", "-b", "2048", "-N", "", "-f", str(root / "etc/ssh/ssh_host_rsa_key")]
    await run_async(["ssh-keygen", "-q", *rsa], timeout=TIMEOUT)
    await run_async(["ssh-keygen", "-A", "-f", str(root)], timeout=TIMEOUT)


async def _add_users(root: Path, users: Sequence[LabUser], public_key: str) -> None:
    for user in users:
        await _add_user(root, user, public_key)
    passwords = "".join(f"{user.name}:{user.password}\n" for user in users)
    await run_async(["chroot", str(root), "chpasswd"], timeout=TIMEOUT, text=passwords)


async def _add_user(root: Path, user: LabUser, public_key: str) -> None:
    home = root / "home" / user.name
    if not _listed(root / "etc/passwd", user.name):
        # Debian has groups named "operator" and the like: such a one becomes the user's own.
        group = ["--gid", user.name] if _listed(root / "etc/group", user.name) else []
        add = ["useradd", "--create-home", "--shell", "/bin/bash", *group, user.name]
        await run_async(["chroot", str(root), *add], timeout=TIMEOUT)
    if user.sudo != "none":
        add = ["usermod", "--append", "--groups", "sudo", user.name]
        await run_async(["chroot", str(root), *add], timeout=TIMEOUT)
    _authorize(home, public_key)
    if user.sudo == "free":
        rule = root / "etc/sudoers.d" / user.name
        rule.write_text(f"{user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n")
        rule.chmod(0o440)


async def _take_python(root: Path) -> None:
    status = (root / "var/lib/dpkg/status").read_text()
    packages = re.findall(r"^Package: ((?:lib)?python3[\w.+-]*)$", status, re.MULTILINE)
    await run_async(
        ["chroot", str(root), "dpkg", "--purge", "--force-depends", *packages], timeout=TIMEOUT
    )
    remove_tree(root / "usr/lib/python3")
