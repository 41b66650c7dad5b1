"""Functions and conditions as a Liberty file writes them: text for C, and values."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from dstc.errors import DstcError

__all__ = ["Function", "parse_function"]


class Function:
    """A function of pins.

    Attributes
    ----------
    sign : str
        ``~``, ``&``, ``|``, ``^``, empty for a pin.
    parts : tuple
        Functions, or the name of the pin, or "0" or "1".
    """

    def __init__(self, sign: str, *parts: Any):
        self.sign, self.parts = sign, parts

    @property
    def pins(self) -> list[str]:
        """Pins that it reads, sorted."""
        if not self.sign:
            return [name for name in self.parts if name not in "01"]
        return sorted(set().union(*(part.pins for part in self.parts)))

    def text(self, names: Mapping[str, str]) -> str:
        """As C writes it for all bits of a word, ``ZERO`` and ``ONE`` being the constants."""
        if not self.sign:
            return {"0": "ZERO", "1": "ONE"}.get(self.parts[0]) or names[self.parts[0]]
        if self.sign == "~":
            return f"(~{self.parts[0].text(names)})"
        return "(" + f" {self.sign} ".join(part.text(names) for part in self.parts) + ")"

    def value(self, pins: Mapping[str, int]) -> int:
        """0 or 1."""
        if not self.sign:
            name = self.parts[0]
            return int(name) if name in "01" else pins[name]
        values = [part.value(pins) for part in self.parts]
        if self.sign == "~":
            return 1 - values[0]
        return {"&": min(values), "|": max(values), "^": sum(values) % 2}[self.sign]


def parse_function(text: str) -> Function:
    """``!a`` and ``a'`` are not; ``a & b``, ``a * b`` and ``a b`` are and; ``a | b`` and ``a + b``
    are or; ``a ^ b`` is exclusive or.  Not binds closest, then exclusive or, and, or.

    Raises
    ------
    DstcError
        If the text is no function.
    """
    tokens = re.findall(r"\w+|\S", text)[::-1]

    def joined(sign: str, marks: str, inner: Callable[[], Function]) -> Function:
        found = inner()
        while tokens and (tokens[-1] in marks or (sign == "&" and re.match(r"[\w!(]", tokens[-1]))):
            if tokens[-1] in marks:
                tokens.pop()
            found = Function(sign, found, inner())
        return found

    def either() -> Function:
        return joined("|", "|+", lambda: joined("&", "&*", lambda: joined("^", "^", one)))

    def one() -> Function:
        token = tokens.pop() if tokens else ""
        if token == "!":
            return Function("~", one())
        found = Function("", token)
        if token == "(":
            found = either()
            token = tokens.pop() if tokens else ""
            if token != ")":
                raise DstcError(f"Function must close its parentheses, not be {text!r}")
        elif not re.fullmatch(r"\w+", token):
            raise DstcError(f"Function must be made of pins and operators, not {text!r}")
        while tokens and tokens[-1] == "'":
            tokens.pop()
            found = Function("~", found)
        return found

    found = either()
    if tokens:
        raise DstcError(f"Function must be made of pins and operators, not {text!r}")
    return found
