"""What can go wrong in a canary, as causes and sentences."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from assistant.text import Message, msg


class CanaryError(Exception):
    """A step failed. ``cause`` is a stable identifier, ``message`` one sentence for people."""

    def __init__(self, cause: str, message: Message) -> None:
        super().__init__(cause)
        self.cause = cause
        self.message = message


def from_response(response: Any, url: str, doing: str) -> CanaryError:
    """The failure in an error answer of a homeserver (matrix-nio's ``ErrorResponse``).

    ``doing`` is a short identifier of the request (``login``, ``sync``, …; ``meet``: a room that
    needs the other server as well). The server's own words are not repeated: they may hold
    anything.
    """
    status = int(getattr(getattr(response, "transport_response", None), "status", 0) or 0)
    code = str(getattr(response, "status_code", "") or "")
    if status == 429 or code == "M_LIMIT_EXCEEDED":
        return CanaryError(
            "rate-limited",
            msg(
                "The homeserver at {url} asked the test users to slow down, for longer than this "
                "test waits. Try again in some minutes.",
                url=url,
            ),
        )
    if status in (502, 503, 504) and not code:
        return CanaryError(
            "bad-gateway",
            msg(
                "The web server at {url} answers, but Synapse behind it does not (HTTP {status}). "
                "Look at Synapse's state on the host.",
                url=url,
                status=status,
            ),
        )
    if not code:
        return CanaryError(
            "not-matrix",
            msg(
                "What answers at {url} does not speak Matrix (HTTP {status}). Another web server "
                "or a block page may be in its place.",
                url=url,
                status=status,
            ),
        )
    if doing == "login":
        return CanaryError(
            "login-refused",
            msg(
                "The homeserver at {url} refused the login of a new test user ({code}). "
                "People could not log in either.",
                url=url,
                code=code or status,
            ),
        )
    if doing == "meet":
        return no_federation(url)
    return CanaryError(
        "refused",
        msg(
            "The homeserver at {url} refused a request ({doing}: {code}).",
            url=url,
            doing=doing,
            code=code or status,
        ),
    )


def no_federation(url: str) -> CanaryError:
    """Making or joining a room of two servers failed: Synapse passes on what it met on the way."""
    return CanaryError(
        "federation",
        msg(
            "The homeserver at {url} could not get through to the other homeserver, so the two "
            "test users could not meet. Check what each server can reach of the other.",
            url=url,
        ),
    )


def retry_after(response: Any) -> float | None:
    """Seconds a homeserver asks to wait before the next try; None when it does not ask for it.

    Newer servers say it in the Retry-After header alone, older ones in the body alone.
    """
    transport = getattr(response, "transport_response", None)
    code = getattr(response, "status_code", None)
    if getattr(transport, "status", 0) != 429 and code != "M_LIMIT_EXCEEDED":
        return None
    milliseconds = getattr(response, "retry_after_ms", None)
    if isinstance(milliseconds, (int, float)):
        return max(0.1, milliseconds / 1000)
    header = getattr(transport, "headers", {}).get("Retry-After", "")
    return float(header) if header.isdigit() else 1.0


def from_exception(error: BaseException, url: str) -> CanaryError:
    """The failure behind an exception of a request, by type; its text is not repeated."""
    import aiohttp

    if isinstance(error, CanaryError):
        return error
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)):
        cause = getattr(error, "certificate_error", error)
        reason = str(getattr(cause, "verify_message", "") or "not valid")
        return CanaryError(
            "tls",
            msg(
                "The certificate at {url} is not trusted here ({reason}). Clients would refuse it "
                "as well.",
                url=url,
                reason=reason,
            ),
        )
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return CanaryError(
            "tls",
            msg(
                "No encrypted connection to {url} comes about. A filter on the way may cut it, or "
                "the port speaks no TLS.",
                url=url,
            ),
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return CanaryError(
            "name",
            msg("The name in {url} has no address here. Check its DNS record.", url=url),
        )
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return CanaryError(
            "timeout",
            msg("{url} did not answer in time. The way there may be blocked or lossy.", url=url),
        )
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return CanaryError(
            "unreachable",
            msg("{url} cannot be reached from here: the connection failed or broke.", url=url),
        )
    return CanaryError(
        "internal",
        msg(
            "The test client stumbled over something unexpected ({kind}).",
            kind=type(error).__name__,
        ),
    )


def from_accounts(error: BaseException, server: str, doing: str) -> CanaryError:
    """The failure of a call to :class:`assistant.canary.Accounts`.

    A message the exception brings with it is kept, since it was written for people.
    """
    own = getattr(error, "message", None)
    if isinstance(own, Message):
        return CanaryError(str(getattr(error, "cause", "") or f"accounts-{doing}"), own)
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return CanaryError(
            f"accounts-{doing}",
            msg("The host of {server} did not answer in time over SSH.", server=server),
        )
    return CanaryError(
        f"accounts-{doing}",
        msg(
            "The test users of {server} could not be looked after on its host ({doing}: {kind}).",
            server=server,
            doing=doing,
            kind=type(error).__name__,
        ),
    )
