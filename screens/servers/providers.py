"""The companies that answer for domains, as they are offered to choose from.

``id`` is a name of :mod:`assistant.plan.dns_providers`; ``account`` is what the company calls the
half of a key that is not secret, where it has two.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.plan.dns_providers import provider_named
from assistant.text import Message, msg
from assistant.wizard.draft_to_setup import RFC2136, fits_option

_TOKEN = msg("Make an API token on its web page, for this domain alone where it can be.")
_PAIR = msg("Make an API key on its web page: a key and a secret.")


@dataclass(frozen=True, kw_only=True)
class Company:
    """A provider; ``key`` says where its key is made."""

    id: str
    title: Message
    key: Message = _TOKEN
    account: Message | None = None


COMPANIES: tuple[Company, ...] = (
    Company(
        id="alidns",
        title=msg("Alibaba Cloud (阿里云)"),
        account=msg("AccessKey ID"),
        key=msg("Make an AccessKey in its console, for a RAM user that may only change DNS."),
    ),
    Company(
        id="tencentcloud",
        title=msg("Tencent Cloud, DNSPod (腾讯云)"),
        account=msg("SecretId"),
        key=msg("Make an API key in its console, for a user that may only change DNSPod."),
    ),
    Company(
        id="huaweicloud",
        title=msg("Huawei Cloud (华为云)"),
        account=msg("Access key ID"),
        key=msg("Make an access key in its console, for an IAM user that may only change DNS."),
    ),
    Company(
        id="cloudflare",
        title=msg("Cloudflare"),
        key=msg("Make an API token from the template Edit zone DNS, for this domain alone."),
    ),
    Company(id="namesilo", title=msg("NameSilo")),
    Company(id="godaddy", title=msg("GoDaddy"), account=msg("Key"), key=_PAIR),
    Company(id="porkbun", title=msg("Porkbun"), account=msg("API key"), key=_PAIR),
    Company(id="namecom", title=msg("Name.com"), account=msg("User name")),
    Company(id="desec", title=msg("deSEC")),
    Company(id="digitalocean", title=msg("DigitalOcean")),
    Company(id="vultr", title=msg("Vultr")),
    Company(id="linode", title=msg("Linode (Akamai)")),
    Company(
        id=RFC2136,
        title=msg("My own name server (RFC 2136)"),
        key=msg("It needs a TSIG key that may change this domain."),
    ),
)


def companies(option: int) -> tuple[Company, ...]:
    """The companies that can do all that an option needs of them."""
    return tuple(one for one in COMPANIES if fits_option(one.id, option))


def company(name: str) -> Company | None:
    """The company of a name; None for one that is not offered."""
    return next((one for one in COMPANIES if one.id == name), None)


def has_account(name: str) -> bool:
    """Whether a provider's login has a half that is not secret."""
    return bool(provider_named(name).account or provider_named(name).lego_account)
