"""Every fault that a scenario can get, class by class, with what the device must do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image import read_program
from .oracle import Error, ProductOracle
from .scenario import Poke, Scenario, overlay
from .uses import Uses

__all__ = ["Fault", "Maker", "Workbench", "any_core", "flip", "overwrite"]

ANY = -1
"""A core that is not looked at."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    Attributes
    ----------
    kind, what : str
        Its class, and what exactly is wrong.
    pokes : tuple of Poke
        Bytes of the memory that are wrong.
    registers : tuple
        Names and values of registers that are wrong.
    beat, burst, response : int
        The beat read, or the burst written, that is answered with an error.
    hold : tuple of str
        Channels on which nothing moves from cycle ``at`` on.
    event : str
        ``reset`` or ``clear`` in cycle ``at``.
    at : int
    errors : frozenset of Error
        Any of these may be reported; the addresses of bus errors are known only when they happen.
    exact : bool
        The job may also end, with the results ``want``.
    want : dict of numpy.ndarray or None
        None: those of the scenario.
    """

    kind: str
    what: str
    pokes: tuple[Poke, ...] = ()
    registers: tuple[tuple[str, int], ...] = ()
    beat: int = 0
    burst: int = 0
    response: int = 2
    hold: tuple[str, ...] = ()
    event: str = ""
    at: int = 0
    errors: frozenset[Error] = frozenset()
    exact: bool = False
    want: dict[str, NDArray[Any]] | None = field(default=None, compare=False)


Maker = Callable[[], Fault]
"""Makes a fault when it is chosen; most never are."""


def any_core(*codes: int) -> frozenset[Error]:
    """Errors of any core, at any address."""
    return frozenset(Error(code, ANY, None) for code in codes)


def flip(data: bytes, address: int, bit: int) -> Poke:
    """A bit of some bytes at an address, the other way round."""
    at = bit // 8
    return address + at, bytes([data[at] ^ 1 << bit % 8])


def overwrite(words: tuple[int, ...], address: int, word: int, lsb: int, width: int, value: int
              ) -> Poke:
    """A field of a record at an address, with another value."""
    mask = (1 << width) - 1 << lsb
    return address + 8 * word, ((words[word] & ~mask) | value << lsb).to_bytes(8, "little")


class Workbench:
    """What the makers of faults need of a scenario.

    Attributes
    ----------
    scenario : Scenario
    uses : Uses
    oracle : ProductOracle
        Of the memory as it is.
    product : bool
        The oracle knows what any bytes must lead to.
    """

    def __init__(self, scenario: Scenario):
        self.scenario = scenario
        self.uses = Uses(scenario)
        self.oracle = ProductOracle(scenario.accelerator, scenario.read, scenario.window)
        self.product = "d" in scenario.want

    @property
    def outside(self) -> Iterator[int]:
        """Addresses that the device must not access, multiples of 64."""
        window = self.scenario.window
        yield from (0, window.start - 64, window.stop, window.stop + (1 << 20), 1 << 47)
        yield from (1 << bit | window.start for bit in range(self.scenario.accelerator.address_bits,
                                                             48))

    def judged(self, kind: str, what: str, *pokes: Poke) -> Fault:
        """A fault of a product, with the oracle's verdict about the bytes as they then are."""
        scenario = self.scenario
        read = overlay(scenario.read, pokes)
        oracle = ProductOracle(scenario.accelerator, read, scenario.window)
        programs = [read_program(read, core, at) for core, at in enumerate(scenario.addresses)]
        verdict = oracle.judge(programs)
        if verdict.errors:
            return Fault(kind=kind, what=what, pokes=pokes, errors=frozenset(verdict.errors))
        return Fault(kind=kind, what=what, pokes=pokes, exact=True,
                     want={"d": self._assembled(verdict.tiles)})

    def _assembled(self, tiles: dict[int, NDArray]) -> NDArray:
        """The result of tiles that are where they belong."""
        config, want = self.scenario.accelerator.core, self.scenario.want["d"]
        across = -(-want.shape[1] // config.tile_n)
        down = -(-want.shape[0] // config.tile_m)
        ordered = [tiles[address] for address in sorted(tiles)]
        if len(ordered) != down * across:
            raise AssertionError("Result tiles must be as many as the matrix has")
        rows = [np.concatenate(ordered[n * across:(n + 1) * across], axis=1) for n in range(down)]
        return np.ascontiguousarray(np.concatenate(rows)[:want.shape[0], :want.shape[1]])

    def flips(self, kind: str, what: str, data: bytes, address: int, bits: Iterator[int],
              errors: frozenset[Error]) -> Iterator[Maker]:
        """One fault for each bit, all with the same errors; without any the job must be exact."""
        for bit in bits:
            yield partial(Fault, kind=kind, what=f"{what}, bit {bit} flipped",
                          pokes=(flip(data, address, bit),), errors=errors, exact=not errors)
