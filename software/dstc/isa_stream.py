"""Streams of program words: instructions and the data words of ``TILE`` between them."""

from collections.abc import Iterable

import numpy as np

from .config import Config
from .errors import DstcError
from .isa import (
    WARP_BITS,
    ErrorCode,
    Instruction,
    ProgramError,
    WarpWord,
    decode,
    encode,
    warp_words,
)

__all__ = ["ProgramState", "decode_program", "encode_program"]


def _check_warp(word: WarpWord, used: int) -> None:
    """``used`` k-tiles of the word exist; the bits above them must be zero."""
    for side, bits in (("A", word.a), ("B", word.b)):
        if not 0 <= bits < 1 << WARP_BITS:
            raise ProgramError(f"{side} warp bitmap must fit {WARP_BITS} bits, not {bits:#x}",
                               ErrorCode.FIELD_RANGE)
        if bits >> used:
            raise ProgramError(f"{side} warp bitmap must be zero at and past its {used} k-tiles, "
                               f"not {bits:#010x}", ErrorCode.WARP_BITMAP)


class ProgramState:
    """What the words so far say about the next one.

    Attributes
    ----------
    ktiles_left : int
        k-tiles that the warp words of the current ``TILE`` have still to describe.
    selected : bool
        Whether a k-step has been selected since reset or resume.
    """

    def __init__(self) -> None:
        self.ktiles_left = 0
        self.selected = False

    def take(self, item: Instruction | WarpWord) -> None:
        """Account for one item, or raise :class:`ProgramError` if it may not come here."""
        if self.ktiles_left:
            if not isinstance(item, WarpWord):
                raise ProgramError(f"{item.mnemonic} must come after the warp words of TILE, not "
                                   f"{warp_words(self.ktiles_left)} before their end",
                                   ErrorCode.WARP_BITMAP)
            used = min(self.ktiles_left, WARP_BITS)
            _check_warp(item, used)
            self.ktiles_left -= used
        elif isinstance(item, WarpWord):
            raise ProgramError("Warp word must follow a TILE that has room for it, not another "
                               "word", ErrorCode.ILLEGAL_OPCODE)
        elif item.mnemonic == "TILE":
            self.ktiles_left = item["ktiles"]
        elif item.mnemonic == "BOHMMA":
            self.selected = True
        elif item.mnemonic == "HALT":
            self.selected = False
        elif item.mnemonic == "OHMMA" and not self.selected:
            raise ProgramError("OHMMA must come after a BOHMMA, not before the first",
                               ErrorCode.NO_KSTEP)

    def finish(self) -> None:
        """Raise if the program ends inside a ``TILE``."""
        if self.ktiles_left:
            raise DstcError("Program must end after the last warp word of its last TILE, not "
                            f"{warp_words(self.ktiles_left)} before it")


def _located(error: ProgramError, address: int) -> ProgramError:
    return ProgramError(f"{error} (word {address})", error.code, address)


def encode_program(items: Iterable[Instruction | WarpWord], config: Config) -> np.ndarray:
    """The words of a program.

    Returns
    -------
    numpy.ndarray
        ``uint64[words]``.

    Raises
    ------
    ProgramError
        If an item is illegal for the configuration or in its place; names its address.
    DstcError
        If the last ``TILE`` lacks data words.
    """
    stream, words = ProgramState(), []
    for address, item in enumerate(items):
        try:
            stream.take(item)
            words.append(item.a | item.b << WARP_BITS if isinstance(item, WarpWord)
                         else encode(item, config))
        except ProgramError as error:
            raise _located(error, address) from None
    stream.finish()
    return np.array(words, dtype=np.uint64)


def decode_program(words: Iterable[int], config: Config) -> list[Instruction | WarpWord]:
    """The instructions and data words of a program.

    Inverse of :func:`encode_program`; refuses exactly the words at which a core would stop
    without looking at the operand streams.

    Raises
    ------
    ProgramError
        If a word is illegal; names its address.
    DstcError
        If the last ``TILE`` lacks data words.
    """
    stream, items = ProgramState(), []
    for address, word in enumerate(map(int, words)):
        try:
            item: Instruction | WarpWord
            if stream.ktiles_left:
                item = WarpWord(word & (1 << WARP_BITS) - 1, word >> WARP_BITS)
            else:
                item = decode(word, config)
            stream.take(item)
        except ProgramError as error:
            raise _located(error, address) from None
        items.append(item)
    stream.finish()
    return items
