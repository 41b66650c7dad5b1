"""The core as a program sees it: instructions executed one by one, in plain numpy."""

import numpy as np

from dstc.config import Config

from .models import Side, Tile

__all__ = ["Machine"]


class Machine:
    """Slots, contexts and the selected k-step, by docs/isa.md and docs/numerics.md.

    Attributes
    ----------
    ohmma, products : int
        Executed OHMMA and multiplications of non-zeros, since they were last set to 0.
    """

    def __init__(self, config: Config):
        self.config = config
        self.sides = {name: Side.of(config, name) for name in "AB"}
        self.slots = {name: [Tile(side, [0] * config.tile_k)] * config.slots
                      for name, side in self.sides.items()}
        self.acc = np.zeros((2, config.tile_m, config.tile_n), config.format.acc_dtype)
        self.step: tuple[int, int, int] | None = None
        self.selected = self.predicate = (0, 0)
        self.ohmma = self.products = 0

    def load(self, side: str, slot: int, tile: Tile) -> None:
        """LDA, LDB."""
        self.slots[side][slot] = tile

    def load_c(self, acc: int, beats: list[int]) -> None:
        """LDC, from the beats of the C stream."""
        octets = b"".join(beat.to_bytes(self.config.c_beat_bits // 8, "little") for beat in beats)
        self.acc[acc] = np.frombuffer(octets, self.config.format.acc_dtype).reshape(
            self.config.tile_m, self.config.tile_n)

    def drain(self, acc: int) -> list[int]:
        """STC: the data of the beats on the D stream."""
        bits = self.acc[acc].view(np.uint32)
        if self.config.format.is_float:
            bits = np.where(np.isnan(self.acc[acc]), np.uint32(0x7FC00000), bits)
        rows = bits.astype("<u4").reshape(-1, self.config.array_cols)
        self.acc[acc] = 0
        return [int.from_bytes(row.tobytes(), "little") for row in rows]

    def product(self, a: int, b: int, acc: int, dense: bool) -> None:
        """SPWMMA, WMMA."""
        tile_a, tile_b = self.slots["A"][a], self.slots["B"][b]
        for k in range(self.config.tile_k):
            rows, cols = tile_a.groups()[k], tile_b.groups()[k]
            self.ohmma += self.config.dense_ohmma_per_step if dense else rows * cols
            every = [p for p in range(self.config.tile_m) if tile_a.bitmaps[k] >> p & 1]
            other = [p for p in range(self.config.tile_n) if tile_b.bitmaps[k] >> p & 1]
            self._outer(tile_a, tile_b, k, every, other, acc)

    def select(self, a: int, b: int, k: int) -> None:
        """BOHMMA."""
        self.step = a, b, k
        self.selected = self.slots["A"][a].groups()[k], self.slots["B"][b].groups()[k]

    def popc(self) -> None:
        """POPC."""
        self.predicate = self.selected

    def one(self, acc: int, g: int, h: int, pred: int) -> None:
        """OHMMA."""
        assert self.step is not None
        if pred and not (g < self.predicate[0] and h < self.predicate[1]):
            return
        a, b, k = self.step
        tile_a, tile_b = self.slots["A"][a], self.slots["B"][b]
        self.ohmma += 1
        self._outer(tile_a, tile_b, k, self.sides["A"].taken(tile_a.bitmaps[k], g, False),
                    self.sides["B"].taken(tile_b.bitmaps[k], h, False), acc)

    def _outer(self, a: Tile, b: Tile, k: int, rows: list[int], cols: list[int],
               acc: int) -> None:
        self.products += len(rows) * len(cols)
        if rows and cols:
            left = self._values([a.value(k, p) for p in rows])
            right = self._values([b.value(k, p) for p in cols])
            with np.errstate(all="ignore"):
                self.acc[acc][np.ix_(rows, cols)] += np.multiply.outer(left, right)

    def _values(self, bits: list[int]) -> np.ndarray:
        element = self.config.format
        raw = np.array(bits, f"<u{element.dtype.itemsize}")
        return raw.view(element.dtype).astype(element.acc_dtype)
