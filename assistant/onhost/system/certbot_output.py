"""What certbot's output means, in words for people."""

from __future__ import annotations

import re

from assistant.onhost.said import Said, said

_PROBLEM = re.compile(
    r"^\s*(?:Domain|Identifier): +(\S+)\s*\n\s*Type: +(\S+)\s*\n\s*Detail: +(.+)$", re.MULTILINE
)

_ADVICE = {
    "connection": said(
        "The certificate authority could not reach this server for it: check the DNS "
        "record, and that the provider's firewall lets port 80 in."
    ),
    "dns": said(
        "The DNS record is missing or wrong as the certificate authority sees it: "
        "records can take some minutes to spread."
    ),
    "unauthorized": said(
        "Something else answered for this name: check that its DNS record points to "
        "this server, and that nothing in between answers instead."
    ),
    "caa": said("A CAA record of the domain forbids this certificate authority."),
    "tls": said("The answer came over a broken TLS connection: check where port 80 redirects to."),
}

_RATE = re.compile(
    r"too many (?:certificates|failed authorizations|new orders|currently pending|registrations"
    r"|requests)[^\n]*",
    re.IGNORECASE,
)
_RETRY = re.compile(r"retry after:? (\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)")


# certbot prints the authority's sentence only; that of Let's Encrypt, and that of pebble.
_LOST_ACCOUNT = re.compile(
    r"accountDoesNotExist|account \"?https?://\S+ not found|unable to find account", re.IGNORECASE
)


def reason(output: str) -> tuple[str, Said]:
    """Cause (one of protocol.FAIL_CAUSES) and a sentence for the output of a failed certbot."""
    if "No space left on device" in output:
        return (
            "disk-full",
            said(
                "The disk of this server is full, so no certificate could be stored. Free some "
                "space, then apply again."
            ),
        )
    if "certificate is not yet valid" in output:
        return "clock", said("The clock of this server is wrong: set the time, then try again.")
    if "Another instance of Certbot is already running" in output:
        return "acme", said(
            "Another certbot is running on this server. Wait for it, then try again."
        )
    limit = _RATE.search(output)
    if limit or re.search(r"rateLimited|too many requests of a given type", output):
        when = _RETRY.search(output)
        wait = (
            said("Try again after {when}.", when=when[1])
            if when
            else said("Try again in some hours.")
        )
        if limit is None:
            return "acme", said(
                "The certificate authority's rate limit is reached. {why}", why=wait
            )
        return "acme", said(
            "The certificate authority's rate limit is reached ({detail}). {why}",
            detail=_short(limit[0]),
            why=wait,
        )
    problem = _PROBLEM.search(output)
    if problem:
        domain, kind, detail = problem.groups()
        values = {"domain": domain, "detail": f"{_short(detail)}."}
        advice = _ADVICE.get(kind)
        if advice is None:
            return "acme", said("{domain}: {detail}", **values)
        return "acme", said("{domain}: {detail} {advice}", advice=advice, **values)
    resolving = (
        r"Temporary failure in name resolution|Name or service not known|NameResolutionError"
    )
    if re.search(resolving, output):
        return "name-resolution", (
            said(
                "This server cannot resolve a name that the certificate needs: that of the "
                "certificate authority, or of the DNS provider."
            )
        )
    if re.search(r"CERTIFICATE_VERIFY_FAILED|SSLError", output):
        return "acme", said(
            "The certificate authority's own certificate is not trusted by this server."
        )
    if re.search(r"Max retries exceeded|ConnectionError|Connection refused|timed out", output):
        return "acme", (
            said(
                "The certificate authority cannot be reached from this server, or does not "
                "answer in time. Try again later."
            )
        )
    if "does not appear to be installed" in output or "unrecognized arguments" in output:
        return "acme", said("certbot lacks the plugin for this DNS provider.")
    told_error = re.search(r"An unexpected error occurred:\s*\n(.+)", output)
    if told_error:
        return "acme", said(
            "The certificate authority answered: {answer}.", answer=_short(told_error[1])
        )
    return "acme", said("certbot could not get the certificate.")


def account_is_unknown(output: str) -> bool:
    """Whether the authority has lost the account that this server registered with it."""
    return bool(_LOST_ACCOUNT.search(output))


def _short(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= 300 else text[:297] + "…"
