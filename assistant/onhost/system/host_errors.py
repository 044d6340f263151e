"""Any exception as the error that is told to people."""

from __future__ import annotations

import os

from assistant.onhost.contract import HostError
from assistant.onhost.said import said
from assistant.onhost.system.disk import host_error


def as_host_error(error: Exception) -> HostError:
    """The HostError to tell people for any exception; a fault of the program names its place."""
    if isinstance(error, HostError):
        return error
    if isinstance(error, OSError):
        return host_error(error, str(error.filename or "a file"))
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = ""
    if place is not None:
        code = place.tb_frame.f_code
        where = f" in {os.path.basename(code.co_filename)}, line {place.tb_lineno}"
    fault = f"{type(error).__name__}{where}"
    text = said("A fault in the assistant's program on the host ({error}).", error=fault)
    return HostError("unknown", text)
