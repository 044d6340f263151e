"""A report about a defect of the program: where it broke, without what anybody typed."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from pathlib import Path

from assistant import __version__
from assistant.text import Message, msg


def write_report(error: BaseException) -> Message:
    """Write places and types only (no values: they could hold a secret) and tell where."""
    lines = [
        f"matrix-assistant {__version__}, Python {platform.python_version()}, {sys.platform}",
        f"{type(error).__module__}.{type(error).__qualname__}",
    ]
    seen: BaseException | None = error
    while seen is not None:
        lines.append(f"-- {type(seen).__qualname__}")
        for frame in traceback.extract_tb(seen.__traceback__):
            lines.append(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}")
        seen = seen.__cause__ or seen.__context__
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="matrix-assistant-report-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write("\n".join(lines) + "\n")
    except OSError:
        where = lines[-1]
    else:
        where = file.name
    return msg(
        "This is a defect of the program, not of your servers. Your setup is as it was. A report"
        " without your data is in {path}; please send it along when you report the problem.",
        path=where,
    )
