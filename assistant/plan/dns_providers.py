"""DNS providers whose records the assistant can change: what libraries call them and their keys.

Sources: the providers of dns-lexicon 3.25 (records) and of lego 4, as built into certbot-dns-multi
5.5 (proofs for certificates). A provider that is not in the table may still be one of lexicon's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider.

    ``lexicon`` is its name there (empty: not known there), ``account`` and ``token`` the names of
    the options for the two halves of the login (``account`` empty: the token is all). ``lego`` is
    its name in lego, ``lego_account`` and ``lego_token`` the variables, ``lego_more`` further ones.
    """

    lexicon: str = ""
    account: str = ""
    token: str = "auth_token"  # noqa: S105 - the name of an option
    lego: str = ""
    lego_account: str = ""
    lego_token: str = ""
    lego_more: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


def _keys(lexicon: str, lego: str, key: str, secret: str) -> Provider:
    return Provider(
        lexicon=lexicon,
        account="auth_key",
        token="auth_secret",  # noqa: S106
        lego=lego,
        lego_account=key,
        lego_token=secret,
    )


_ALIYUN = Provider(
    lexicon="aliyun",
    account="auth_key_id",
    token="auth_secret",  # noqa: S106
    lego="alidns",
    lego_account="ALICLOUD_ACCESS_KEY",
    lego_token="ALICLOUD_SECRET_KEY",  # noqa: S106
)
_TENCENT = Provider(
    lexicon="qcloud",
    account="secret_id",
    token="secret_key",  # noqa: S106
    lego="tencentcloud",
    lego_account="TENCENTCLOUD_SECRET_ID",
    lego_token="TENCENTCLOUD_SECRET_KEY",  # noqa: S106
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "alidns": _ALIYUN,
        "aliyun": _ALIYUN,
        "tencentcloud": _TENCENT,
        "qcloud": _TENCENT,
        "dnspod": Provider(lexicon="dnspod", account="auth_username"),
        "huaweicloud": Provider(
            lego="huaweicloud",
            lego_account="HUAWEICLOUD_ACCESS_KEY_ID",
            lego_token="HUAWEICLOUD_SECRET_ACCESS_KEY",  # noqa: S106
            # Public zones are the same from every region; one has to be named.
            lego_more=MappingProxyType({"HUAWEICLOUD_REGION": "cn-north-4"}),
        ),
        "cloudflare": Provider(
            lexicon="cloudflare",
            lego="cloudflare",
            lego_token="CLOUDFLARE_DNS_API_TOKEN",  # noqa: S106
        ),
        "namesilo": Provider(lexicon="namesilo", lego="namesilo", lego_token="NAMESILO_API_KEY"),  # noqa: S106
        "godaddy": _keys("godaddy", "godaddy", "GODADDY_API_KEY", "GODADDY_API_SECRET"),
        "porkbun": _keys("porkbun", "porkbun", "PORKBUN_API_KEY", "PORKBUN_SECRET_API_KEY"),
        "namecom": Provider(
            lexicon="namecom",
            account="auth_username",
            lego="namedotcom",
            lego_account="NAMECOM_USERNAME",
            lego_token="NAMECOM_API_TOKEN",  # noqa: S106
        ),
        "digitalocean": Provider(
            lexicon="digitalocean",
            lego="digitalocean",
            lego_token="DO_AUTH_TOKEN",  # noqa: S106
        ),
        "vultr": Provider(lexicon="vultr", lego="vultr", lego_token="VULTR_API_KEY"),  # noqa: S106
        "linode": Provider(lexicon="linode4", lego="linode", lego_token="LINODE_TOKEN"),  # noqa: S106
        "desec": Provider(lexicon="desec", lego="desec", lego_token="DESEC_TOKEN"),  # noqa: S106
    }
)
"""By the name a person writes in the settings."""


def provider_named(name: str) -> Provider:
    """The provider of that name; one that the table lacks is taken for one of lexicon's.

    Then its login is lexicon's usual one: a token, and a user name when there is an account.
    """
    return PROVIDERS.get(name) or Provider(lexicon=name, account="auth_username")
