"""Keys and certificates of the setup's own authority, made by the ``openssl`` program.

It stands alone (Python 3.10, standard library), because the programs that renew certificates on
the hosts use it as well: a copy lies beside them. A folder of a host holds::

    authority.pem       -> current/authority.pem: what it trusts at the other end of a link
    certificate.pem     -> current/certificate.pem
    key.pem             -> current/key.pem, made on this host, never sent anywhere
    current             -> versions/ID, so that all three change in one step

Keys are P-256. Nothing secret is an argument of a command or a text of an error.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass

AUTHORITY = "authority.link.invalid"
"""The name under which the authority's signing service answers; never in any DNS (RFC 6761)."""

DAYS = 90
"""How long a host's certificate is valid."""

AUTHORITY_DAYS = 3650
"""How long the authority's own certificate is valid."""

SLACK = 86400
"""Seconds by which a certificate starts in the past: clocks of hosts differ."""

MOST = 16 * 1024
"""Most characters of a request or certificate."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_REQUEST = re.compile(
    r"-----BEGIN CERTIFICATE REQUEST-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE REQUEST-----\n?\Z"
)
_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n?\Z"
)
_USES = {
    "authority": "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign",
    "server": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    "extendedKeyUsage=serverAuth",
    "client": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    "extendedKeyUsage=clientAuth",
}


class LinkError(Exception):
    """Something about keys or certificates is not as it must be; ``text`` is one sentence."""

    def __init__(self, text: str, tail: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.tail = tail


@dataclass(frozen=True)
class Certificate:
    """What a certificate says. Times are seconds since 1970, ``fingerprint`` is SHA-256."""

    name: str
    begins: float
    ends: float
    fingerprint: str

    def worn(self, now: float) -> bool:
        """Whether less than a third of its life is left."""
        return self.ends - now < (self.ends - self.begins) / 3


def dns_name(host: str) -> str:
    """The name in a host's certificate."""
    return f"{checked_name(host)}.link.invalid"


def checked_name(host: str) -> str:
    """The name of a host when it is one; :class:`LinkError` otherwise."""
    if not isinstance(host, str) or not _NAME.match(host):
        raise LinkError("That is not the name of a server of a setup.")
    return host


def make_key(path: str) -> None:
    """Make a private key at a path that only root reads."""
    key = _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    write(path, key, 0o600)


def make_request(key: str, host: str) -> str:
    """A request for a certificate for this host and key, as PEM."""
    with _work() as folder:
        config = _file(folder, "config", "[req]\ndistinguished_name=dn\n[dn]\n")
        subject = f"/CN={checked_name(host)}"
        return _openssl("req", "-new", "-config", config, "-key", key, "-subj", subject)


def check_request(request: str, host: str) -> None:
    """:class:`LinkError` unless this is a request of that host, signed with its own P-256 key."""
    if not isinstance(request, str) or len(request) > MOST or not _REQUEST.match(request):
        raise LinkError(f"What {checked_name(host)} sent is not a request for a certificate.")
    with _work() as folder:
        path = _file(folder, "request", request)
        told = _openssl("req", "-in", path, "-noout", "-verify", "-subject", "-nameopt", "RFC2253")
        key = _openssl("req", "-in", path, "-noout", "-pubkey")
        kind = _openssl("pkey", "-pubin", "-in", _file(folder, "key", key), "-noout", "-text_pub")
    if f"subject=CN={host}" not in told.splitlines():
        raise LinkError(f"The request does not name {host}.")
    if "prime256v1" not in kind:
        raise LinkError(f"The request of {host} has a key of another kind than agreed.")


def make_authority(key: str, certificate: str, now: float | None = None) -> None:
    """Make the authority: its key at a path that only root reads, then its certificate."""
    make_key(key)
    with _work() as folder:
        config = _file(folder, "config", "[req]\ndistinguished_name=dn\n[dn]\n")
        subject = "/CN=matrix-assistant link authority"
        request = _openssl("req", "-new", "-config", config, "-key", key, "-subj", subject)
    made = _sign(request, subject, "authority", (), ("-selfsign", "-keyfile", key), now)
    write(certificate, made, 0o644)


def issue(
    request: str,
    host: str,
    *,
    authority: str,
    key: str,
    server: bool = False,
    now: float | None = None,
) -> str:
    """A certificate for a request that was checked here once more, as PEM.

    ``authority`` and ``key`` are paths. A ``server`` is the end of a link that answers; it also
    gets the name of the signing service. The subject is ours, whatever else the request says.
    """
    check_request(request, host)
    names = (dns_name(host), AUTHORITY) if server else (dns_name(host),)
    use = "server" if server else "client"
    signer = ("-cert", authority, "-keyfile", key)
    return _sign(request, f"/CN={host}", use, names, signer, now)


def read(path: str) -> Certificate:
    """What the certificate at a path says; :class:`LinkError` when there is none."""
    told = _openssl(
        "x509", "-in", path, "-noout", "-subject", "-dates", "-fingerprint", "-sha256",
        "-nameopt", "RFC2253",
    )  # fmt: skip
    values = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    try:
        return Certificate(
            name=values["subject"].removeprefix("CN="),
            begins=float(ssl.cert_time_to_seconds(values["notBefore"])),
            ends=float(ssl.cert_time_to_seconds(values["notAfter"])),
            fingerprint=next(v for k, v in values.items() if k.lower().startswith("sha256")),
        )
    except (KeyError, ValueError, StopIteration):
        raise LinkError(f"{path} is not a certificate that can be read.") from None


def ready(folder: str, host: str) -> Certificate:
    """The host's certificate, when everything in its folder fits; :class:`LinkError` says what not.

    It names the host, is valid now, comes from the authority beside it and fits the key.
    """
    certificate, key = f"{folder}/certificate.pem", f"{folder}/key.pem"
    for path in (f"{folder}/authority.pem", certificate, key):
        if not os.path.isfile(path):
            raise LinkError(f"{path} is missing.")
    found = read(certificate)
    if found.name != host:
        raise LinkError(f"{certificate} is for {found.name}, not for {host}.")
    _fits(certificate, key, f"{folder}/authority.pem")
    return found


def place(folder: str, key: str, certificate: str, authority: str) -> None:
    """Put a new key and certificate in place, both in one step that survives a power cut.

    ``key`` is the path of the pending key, ``certificate`` and ``authority`` are PEM. Nothing
    changes, and :class:`LinkError` is raised, when they do not belong together.
    """
    for text in (certificate, authority):
        if not isinstance(text, str) or len(text) > MOST or not _CERTIFICATE.match(text):
            raise LinkError("What came back is not a certificate.")
    os.makedirs(f"{folder}/versions", mode=0o755, exist_ok=True)
    version = f"{int(time.time())}-{secrets.token_hex(4)}"
    fresh = f"{folder}/versions/{version}"
    os.mkdir(fresh, 0o755)
    try:
        write(f"{fresh}/certificate.pem", certificate, 0o644)
        write(f"{fresh}/authority.pem", authority, 0o644)
        with open(key, encoding="ascii") as file:
            write(f"{fresh}/key.pem", file.read(), 0o600)
        _fits(f"{fresh}/certificate.pem", f"{fresh}/key.pem", f"{fresh}/authority.pem")
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    old = os.path.basename(_target(f"{folder}/current"))
    _link(f"{folder}/current", f"versions/{version}")
    for name in ("authority.pem", "certificate.pem", "key.pem"):
        _link(f"{folder}/{name}", f"current/{name}")
    for name in os.listdir(f"{folder}/versions"):
        if name not in (version, old):
            shutil.rmtree(f"{folder}/versions/{name}", ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(key)


def write(path: str, text: str, mode: int) -> None:
    """Replace a file whole; it is on the disk when this returns."""
    temporary = f"{path}.{secrets.token_hex(4)}.new"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(os.path.dirname(path))


def _fits(certificate: str, key: str, authority: str) -> None:
    _openssl("verify", "-CAfile", authority, "-no-CApath", "-x509_strict", certificate)
    public = _openssl("x509", "-in", certificate, "-noout", "-pubkey")
    if _openssl("pkey", "-in", key, "-pubout") != public:
        raise LinkError(f"{certificate} belongs to another key than {key}.")


def _sign(
    request: str,
    subject: str,
    use: str,
    names: Iterable[str],
    signer: tuple[str, ...],
    now: float | None,
) -> str:
    begin = time.time() if now is None else now
    end = begin + 86400 * (AUTHORITY_DAYS if use == "authority" else DAYS)
    extensions = f"{_USES[use]}\nsubjectKeyIdentifier=hash\n"
    if use != "authority":
        alternatives = ",".join(f"DNS:{name}" for name in names)
        extensions += f"authorityKeyIdentifier=keyid:always\nsubjectAltName={alternatives}\n"
    with _work() as folder:
        _file(folder, "index", "")
        config = _file(
            folder,
            "config",
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index\nnew_certs_dir={folder}\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=any\nemail_in_dn=no\nunique_subject=no\n"
            f"copy_extensions=none\nx509_extensions=ext\n[any]\ncommonName=supplied\n"
            f"[ext]\n{extensions}",
        )
        made = f"{folder}/certificate"
        _openssl(
            "ca", "-batch", "-notext", "-config", config, *signer,
            "-in", _file(folder, "request", request), "-out", made, "-subj", subject,
            "-startdate", _stamp(begin - SLACK), "-enddate", _stamp(end),
        )  # fmt: skip
        with open(made, encoding="ascii") as file:
            return file.read()


def _stamp(at: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))


def _openssl(*words: str) -> str:
    try:
        done = subprocess.run(
            ["/usr/bin/openssl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        raise LinkError("The program openssl is missing on this server.") from None
    except subprocess.TimeoutExpired:
        raise LinkError(f"`openssl {words[0]}` did not end within a minute.") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise LinkError(f"`openssl {words[0]}` refused: {_reason(said)}", tuple(said[-15:]))
    return done.stdout.decode("utf-8", "replace")


def _reason(said: list[str]) -> str:
    for line in said:
        if line.startswith("error "):  # how `verify` words what is wrong
            return line
    return said[-1] if said else "without a word."


def _work() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="matrix-assistant-")


def _file(folder: str, name: str, text: str) -> str:
    path = f"{folder}/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _link(path: str, target: str) -> None:
    if _target(path) == target:
        return
    temporary = f"{path}.{secrets.token_hex(4)}.new"
    os.symlink(target, temporary)
    os.replace(temporary, path)
    _sync(os.path.dirname(path))


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
