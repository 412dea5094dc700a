"""What a call is named by: in the log, to its caller, and by whoever stands between the two."""

from __future__ import annotations

import re
import secrets
from typing import Any

__all__ = ["HEADER", "request_id", "request_id_of"]

#: The metadata, or the header of HTTP, that names a request.
HEADER = "x-request-id"
#: What a caller may name it: it stands in a line of the log, and is sent back.
_SANE = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")


def request_id(given: object) -> str:
    """What was given, if it is 1 to 128 letters, digits and any of `._:/=+@-`; or else a new one."""
    return given if isinstance(given, str) and _SANE.fullmatch(given) else secrets.token_hex(8)


def request_id_of(context: Any) -> str:
    """That of a call, by its metadata."""
    return request_id(dict(context.invocation_metadata() or ()).get(HEADER))
