"""Where a server in China gets Debian, Ubuntu and Python packages from: well-known public mirrors.

Plain data. The addresses are those on the mirrors' own help pages: Tsinghua University (TUNA,
mirrors.tuna.tsinghua.edu.cn/help), the University of Science and Technology of China (USTC,
mirrors.ustc.edu.cn/help), Alibaba Cloud (developer.aliyun.com/mirror), Tencent Cloud
(mirrors.cloud.tencent.com) and Huawei Cloud (mirrors.huaweicloud.com). Each has the folders
``debian``, ``debian-security`` and ``ubuntu`` side by side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import ValidationError

from assistant.common.errors import ProblemError
from assistant.setup.model import Mirror
from assistant.text import Message, msg

UBUNTU = frozenset({"jammy", "noble"})


@dataclass(frozen=True, kw_only=True)
class KnownMirror:
    """A public mirror. ``apt`` is the folder above ``debian`` and ``ubuntu``; ``wheels`` is the
    index for pip.
    """

    id: str
    title: Message
    apt: str
    wheels: str


# apt checks the signature of everything it gets, so plain HTTP is as safe, and it also works on a
# server that has no certificates of authorities yet.
MIRRORS: tuple[KnownMirror, ...] = (
    KnownMirror(
        id="tuna",
        title=msg("Tsinghua University (清华 TUNA)"),
        apt="http://mirrors.tuna.tsinghua.edu.cn",
        wheels="https://mirrors.tuna.tsinghua.edu.cn/pypi/web/simple",
    ),
    KnownMirror(
        id="ustc",
        title=msg("University of Science and Technology (中科大 USTC)"),
        apt="http://mirrors.ustc.edu.cn",
        wheels="https://mirrors.ustc.edu.cn/pypi/simple",
    ),
    KnownMirror(
        id="aliyun",
        title=msg("Alibaba Cloud (阿里云)"),
        apt="http://mirrors.aliyun.com",
        wheels="https://mirrors.aliyun.com/pypi/simple",
    ),
    KnownMirror(
        id="tencent",
        title=msg("Tencent Cloud (腾讯云)"),
        apt="http://mirrors.cloud.tencent.com",
        wheels="https://mirrors.cloud.tencent.com/pypi/simple",
    ),
    KnownMirror(
        id="huawei",
        title=msg("Huawei Cloud (华为云)"),
        apt="http://repo.huaweicloud.com",
        wheels="https://repo.huaweicloud.com/repository/pypi/simple",
    ),
)
_BY_ID = {mirror.id: mirror for mirror in MIRRORS}


def is_known(choice: str) -> bool:
    """Whether a choice is the id of one of :data:`MIRRORS`."""
    return choice.strip() in _BY_ID


def mirror_of_choice(choice: str, release: str) -> Mirror | None:
    """The mirror for a server with a release: an id of :data:`MIRRORS`, or a typed address.

    Nothing chosen is None. :class:`ProblemError` when the address cannot be used. While the
    release is not known it counts as Debian.
    """
    choice = choice.strip()
    if not choice:
        return None
    ubuntu = release in UBUNTU
    if choice in _BY_ID:
        known = _BY_ID[choice]
        return _mirror(f"{known.apt}/{'ubuntu' if ubuntu else 'debian'}", ubuntu, known.wheels)
    return _mirror(clean_mirror(choice), ubuntu, "")


def choice_of_mirror(mirror: Mirror | None, release: str) -> str:
    """What would have to be chosen or typed for a mirror; nothing for none."""
    if mirror is None:
        return ""
    found = (one.id for one in MIRRORS if mirror_of_choice(one.id, release) == mirror)
    return next(found, mirror.uri)


def clean_mirror(text: str) -> str:
    """The address of a mirror's folder as typed; :class:`ProblemError` says what is wrong."""
    uri = text.strip().rstrip("/")
    if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]+)", uri):
        raise ProblemError(
            msg("Give the whole address of the folder, like http://mirror.example.cn/debian.")
        )
    if uri.rsplit("/", 1)[-1] not in ("debian", "ubuntu"):
        raise ProblemError(
            msg(
                "The address must end with /debian or /ubuntu. Security updates are then taken from"
                " the folder beside it."
            )
        )
    return uri


def _mirror(uri: str, ubuntu: bool, wheels: str) -> Mirror:
    # Debian keeps security updates in a folder of their own, Ubuntu in the same.
    security = uri if ubuntu else uri.removesuffix("/debian") + "/debian-security"
    if uri.rsplit("/", 1)[-1] != ("ubuntu" if ubuntu else "debian"):
        raise ProblemError(
            msg("This mirror is for another system than the one that the server runs.")
        )
    try:
        return Mirror(
            uri=uri,
            security_uri=security,
            pip_conf=f"[global]\nindex-url = {wheels}\n" if wheels else "",
        )
    except ValidationError:
        raise ProblemError(msg("This address of a mirror cannot be used.")) from None
