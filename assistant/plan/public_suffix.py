"""Which part of a domain name its owner holds: for wildcards, and for the zone at a provider.

By the public suffix list as tldextract ships it: nothing is fetched. Its private part counts, since
below ``dedyn.io`` or ``eu.org`` the names belong to different people as they do below ``com.cn``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract


@cache
def _extract() -> TLDExtract:
    # Late: importing it takes a tenth of a second, and only plans and records need it.
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), include_psl_private_domains=True, cache_dir=None)


def is_public_suffix(name: str) -> bool:
    """Whether names directly below ``name`` belong to different owners (``cn``, ``com.cn``).

    A top level that the list does not know is one as well.
    """
    return "." not in name or _extract()(name).suffix == name.lower()


def parent_of(name: str) -> str:
    """The domain a name lies directly in; empty when that is a public suffix."""
    parent = name.partition(".")[2]
    return "" if is_public_suffix(parent) else parent


def wildcard_of(name: str) -> str:
    """The wildcard that covers a name (``*.family.example``); empty when there can be none."""
    parent = parent_of(name)
    return f"*.{parent}" if parent else ""
