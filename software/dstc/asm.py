"""Assembly text of programs: one instruction a line, every operand named.

.. code-block:: text

    LDC acc=0                       ; comments start with ';' or '#'
    TILE acc=0, dense=0, ktiles=40
        .warp a=0x00ff00ff, b=0xffffffff
        .warp a=0x81, b=0x7f
    STC acc=0
    HALT

Mnemonics and operand names may be written in either case, numbers in decimal or, after ``0x``,
in hexadecimal.  The ``.warp`` lines of a ``TILE`` hold the warp bitmaps of 32 k-tiles each.
"""

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from .config import Config
from .errors import DstcError
from .isa import Instruction, ProgramError, WarpWord, spec_of
from .isa_stream import ProgramState, decode_program, encode_program

__all__ = ["assemble", "disassemble", "parse"]

WARP_DIRECTIVE = ".warp"
_TOKEN = re.compile(r"[A-Za-z_.][A-Za-z0-9_.]*|0[xX][0-9A-Fa-f]+|[0-9]+|[=,]")
_COMMENT = re.compile(r"[;#].*", re.DOTALL)
# More digits cannot fit a word; Python itself refuses to read thousands of them.
_LONGEST_NUMBER = 20


class _Line:
    """The tokens of one line, and where they are."""

    def __init__(self, text: str, number: int):
        self.number = number
        self.tokens: list[tuple[str, int]] = []
        self.at = 0
        code = _COMMENT.sub("", text)
        column = 0
        while code[column:].strip():
            column += len(code[column:]) - len(code[column:].lstrip())
            match = _TOKEN.match(code, column)
            if match is None:
                raise self.error("Line must consist of names, numbers, '=' and ','",
                                 repr(code[column]), column)
            self.tokens.append((match.group(), column))
            column = match.end()
        self.length = len(code.rstrip())

    def error(self, condition: str, value: str, column: int) -> DstcError:
        """The exception that says what is wrong at a column, counted from 0."""
        return DstcError(f"{condition}, not {value} {self.place(column)}")

    def place(self, column: int) -> str:
        return f"(line {self.number}, column {column + 1})"

    @property
    def done(self) -> bool:
        return self.at == len(self.tokens)

    def take(self, condition: str, accept: Callable[[str], bool]) -> tuple[str, int]:
        """The next token and its column, if it is as the condition says."""
        if self.done:
            raise self.error(condition, "the end of the line", self.length)
        token, column = self.tokens[self.at]
        if not accept(token):
            raise self.error(condition, repr(token), column)
        self.at += 1
        return token, column

    def name(self, thing: str) -> tuple[str, int]:
        return self.take(f"{thing} must be a name",
                         lambda token: token[0].isalpha() or token[0] in "_.")

    def number_of(self, name: str) -> tuple[int, int]:
        token, column = self.take(f"Operand {name} must be a decimal or 0x number",
                                  lambda token: token[0].isdigit())
        if len(token) > _LONGEST_NUMBER:
            raise self.error(f"Operand {name} must have at most {_LONGEST_NUMBER} digits",
                             str(len(token)), column)
        return int(token, 16 if token[:2] in ("0x", "0X") else 10), column

    def operands(self, owner: str, names: list[str]) -> dict[str, tuple[int, int]]:
        """``name=number, ...`` to the end of the line: value and column of every name."""
        found: dict[str, tuple[int, int]] = {}
        while not self.done:
            if found:
                self.take("Operands must be separated by ','", lambda token: token == ",")
            name, column = self.name("Operand")
            name = name.lower()
            if name not in names:
                raise self.error(f"Operand of {owner} must be one of {', '.join(names)}"
                                 if names else f"{owner} must have no operand", repr(name), column)
            if name in found:
                raise self.error(f"Operand {name} of {owner} must be given once", "again", column)
            self.take(f"Operand {name} must be followed by '='", lambda token: token == "=")
            found[name] = self.number_of(name)
        for name in names:
            if name not in found:
                raise self.error(f"Operands of {owner} must be {', '.join(names)}",
                                 ", ".join(found) or "none", self.length)
        return found


def _parse_line(line: _Line, config: Config) -> tuple[Instruction | WarpWord, int]:
    """The item of a line that has tokens, and its column."""
    name, column = line.name("Mnemonic")
    if name.lower() == WARP_DIRECTIVE:
        sides = line.operands(WARP_DIRECTIVE, ["a", "b"])
        return WarpWord(sides["a"][0], sides["b"][0]), column
    try:
        spec = spec_of(name.upper())
    except DstcError as error:
        raise DstcError(f"{error} {line.place(column)}") from None
    found = line.operands(spec.mnemonic, [field.name for field in spec.fields])
    for field in spec.fields:
        value, where = found[field.name]
        try:
            field.check(value, config, spec.mnemonic)
        except ProgramError as error:
            raise DstcError(f"{error} {line.place(where)}") from None
    return Instruction(spec.mnemonic, tuple(found[f.name][0] for f in spec.fields)), column


def parse(text: str, config: Config) -> Iterator[Instruction | WarpWord]:
    """The instructions and warp words of assembly text.

    Raises
    ------
    DstcError
        If a line is not as the syntax says, an operand is out of range for the configuration or
        a warp word is missing or out of place; names line and column, counted from 1.
    """
    state = ProgramState()
    for number, row in enumerate(text.split("\n"), 1):
        line = _Line(row, number)
        if line.done:
            continue
        item, column = _parse_line(line, config)
        try:
            state.take(item)
        except ProgramError as error:
            raise DstcError(f"{error} {line.place(column)}") from None
        yield item
    state.finish()


def assemble(text: str, config: Config) -> np.ndarray:
    """The words of assembly text, ``uint64[words]``; raises as :func:`parse` does."""
    return encode_program(parse(text, config), config)


def _write(item: Instruction | WarpWord) -> str:
    if isinstance(item, WarpWord):
        return f"    {WARP_DIRECTIVE} a={item.a:#010x}, b={item.b:#010x}"
    operands = ", ".join(f"{field.name}={value}"
                         for field, value in zip(item.spec.fields, item.operands, strict=True))
    return f"{item.mnemonic} {operands}".rstrip()


def disassemble(words: Iterable[int], config: Config, *, addresses: bool = False) -> str:
    """Assembly text of a program; :func:`assemble` makes the same words of it.

    Parameters
    ----------
    words : iterable of int
        Program words.
    config : Config
        What the words are checked against.
    addresses : bool
        Add the address of each word, which an error status names, as a comment.

    Raises
    ------
    ProgramError
        If a word is illegal.
    DstcError
        If the last ``TILE`` lacks data words.
    """
    lines = [_write(item) for item in decode_program(words, config)]
    if addresses:
        lines = [f"{line:<43} ; word {address}" for address, line in enumerate(lines)]
    return "".join(line + "\n" for line in lines)
