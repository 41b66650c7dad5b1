"""Names and messages that come from strangers' files, fit for a terminal and for one sentence."""

import re

__all__ = ["plain", "reason"]

MAX_NAME, MAX_REASON = 80, 240
# File, line and signature of the function that complains.
_SOURCE = re.compile(r"/\S+:\d+ [^()]*\((?:[^()]|\([^()]*\))*\)(?: const)? ")


def plain(name: object) -> str:
    """A name without control characters and of limited length."""
    return _clean(str(name), MAX_NAME)


def reason(error: BaseException) -> str:
    """What a library's exception says, on one line, without where in its source it says so."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return _clean(_SOURCE.sub("", text).rstrip("."), MAX_REASON)


def _clean(text: str, limit: int) -> str:
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= limit else text[:limit - 3] + "..."
