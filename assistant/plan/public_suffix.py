"""Which part of a domain name its owner holds: for wildcards, and for the zone at a provider."""

from __future__ import annotations

# Second levels that registries of many countries sell names below, as the public suffix list has
# them; those of China complete, its provinces and names in Chinese included.
_SECOND = (
    " ac co com edu gov gob gouv go mil net ne nom or org idv game ebiz club ltd plc me id in info"
    " nhs police sch web my biz firm gen ind asn csiro "
)
_CHINA = (
    " ac com edu gov net org mil ah bj cq fj gd gs gz gx ha hb he hi hl hn jl js jx ln nm nx qh sc"
    " sd sh sn sx tj xj xz yn zj hk mo tw xn--55qx5d xn--io0a7i xn--od0alg "
)


def is_public_suffix(name: str) -> bool:
    """Whether names directly below ``name`` belong to different owners (``cn``, ``com.cn``).

    A rule of thumb after the public suffix list, for country codes; a top level is always one.
    """
    labels = name.lower().split(".")
    if len(labels) == 1:
        return True
    if len(labels) != 2:
        return False
    second, top = labels
    if top == "cn":
        return f" {second} " in _CHINA
    return len(top) == 2 and f" {second} " in _SECOND


def parent_of(name: str) -> str:
    """The domain a name lies directly in; empty when that is a public suffix."""
    parent = name.partition(".")[2]
    return "" if is_public_suffix(parent) else parent


def wildcard_of(name: str) -> str:
    """The wildcard that covers a name (``*.family.example``); empty when there can be none."""
    parent = parent_of(name)
    return f"*.{parent}" if parent else ""
