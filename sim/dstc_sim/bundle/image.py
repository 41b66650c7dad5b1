"""Memory as text for ``$readmemh``."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["MemoryImage"]


class MemoryImage:
    """Pieces of a memory; bytes that no piece has are left out of the text.

    Parameters
    ----------
    base : int
        Address of the first word.
    word_bytes : int
        Bytes of a word of the simulated memory.
    """

    def __init__(self, base: int, word_bytes: int):
        self._base = base
        self._word_bytes = word_bytes
        self._pieces: list[tuple[int, NDArray[np.uint8], NDArray[np.bool_], str]] = []

    def put(self, address: int, data: bytes | NDArray[np.uint8], about: str,
            known: NDArray[np.bool_] | None = None) -> None:
        """Add a piece.

        Parameters
        ----------
        address : int
            A multiple of a word.
        data : bytes or numpy.ndarray
            Padded with zeros to whole words.
        about : str
            Comment in the text.
        known : numpy.ndarray, optional
            Which bytes count; the others become X.
        """
        octets = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data.reshape(-1)
        flags = np.ones(octets.size, bool) if known is None else known.reshape(-1)
        missing = -octets.size % self._word_bytes
        self._pieces.append((address, np.append(octets, np.zeros(missing, np.uint8)),
                             np.append(flags, np.ones(missing, bool)), about))

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """Address and bytes of every piece, in the order of addresses."""
        return sorted((address, data.size) for address, data, _, _ in self._pieces)

    def text(self, zeros: bool) -> str:
        """The text: comments, ``@index`` of a word, and words, the highest byte first.

        Parameters
        ----------
        zeros : bool
            Whether words of zeros are named; the reader has zeros already.
        """
        lines = []
        for address, data, known, about in sorted(self._pieces, key=lambda piece: piece[0]):
            lines.append(f"// {address:#x}: {about}")
            lines += self._words(address, data, known, zeros)
        return "".join(f"{line}\n" for line in lines)

    def _words(self, address: int, data: NDArray[np.uint8], known: NDArray[np.bool_], zeros: bool
               ) -> Iterator[str]:
        size = self._word_bytes
        next_index = None
        for start in range(0, data.size, size):
            word, flags = data[start:start + size], known[start:start + size]
            if not zeros and not word.any():
                continue
            index = (address + start - self._base) // size
            if index != next_index:
                yield f"@{index:x}"
            next_index = index + 1
            yield "".join(f"{octet:02x}" if flag else "xx"
                          for octet, flag in zip(word[::-1], flags[::-1], strict=True))
