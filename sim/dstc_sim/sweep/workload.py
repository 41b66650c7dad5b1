"""What a sweep multiplies: random operands, or the non-zeros of real ones."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.workloads import clustered_mask

from ..cli.operands import random_operands

__all__ = ["PATTERNS", "MaskWorkload", "RandomWorkload", "Workload", "pack_masks"]

PATTERNS = ("iid", "clustered")

Matrix = NDArray[Any]


class Workload(Protocol):
    """One or more products, whose cycles are summed."""

    @property
    def name(self) -> str:
        """Unique in a sweep."""

    def identity(self) -> dict[str, Any]:
        """What decides the operands, in a form that JSON takes; no name and no path."""

    def products(self, config: Config) -> Iterator[tuple[Matrix, Matrix]]:
        """A and B of every product, in the configuration's element type."""


@dataclass(frozen=True, kw_only=True)
class RandomWorkload:
    """One product of random operands.

    Attributes
    ----------
    shape : tuple of int
        M, N, K.
    density : tuple of float
        Shares of non-zeros in A and B that are aimed at.
    pattern : str
        ``iid``: the operands of ``dstc gemm`` for that shape, these densities and that seed.
        ``clustered``: :func:`dstc.workloads.clustered_mask`, along M in A and along N in B.
    seed : int
    """

    shape: tuple[int, int, int]
    density: tuple[float, float]
    pattern: str = "iid"
    seed: int = 0

    @property
    def name(self) -> str:
        """Shape, densities, and what differs from the default."""
        parts = ["x".join(map(str, self.shape)), "x".join(f"{one:g}" for one in self.density)]
        parts += [self.pattern] if self.pattern != "iid" else []
        return " ".join(parts + ([f"seed {self.seed}"] if self.seed else []))

    def identity(self) -> dict[str, Any]:
        """As :meth:`Workload.identity`."""
        return {"kind": "random", "shape": list(self.shape), "density": list(self.density),
                "pattern": self.pattern, "seed": self.seed}

    def products(self, config: Config) -> Iterator[tuple[Matrix, Matrix]]:
        """As :meth:`Workload.products`."""
        if self.pattern == "iid":
            operands = random_operands(self.shape, self.density, self.seed, config)
            yield operands.a, operands.b
            return
        m, n, k = self.shape
        rng_a, rng_b = np.random.default_rng(self.seed).spawn(2)
        dtype = config.format.dtype
        yield (clustered_mask((m, k), self.density[0], 0, rng_a).astype(dtype),
               clustered_mask((k, n), self.density[1], 1, rng_b).astype(dtype))


@dataclass(frozen=True, kw_only=True)
class MaskWorkload:
    """Products of which only the non-zeros are known; it holds them, so it can go to any machine.

    Attributes
    ----------
    name : str
    shapes : tuple of tuple of int
        M, N, K of each product.
    bits : bytes
        From :func:`pack_masks`.
    """

    name: str
    shapes: tuple[tuple[int, int, int], ...]
    bits: bytes

    def identity(self) -> dict[str, Any]:
        """As :meth:`Workload.identity`."""
        return {"kind": "masks", "shapes": [list(shape) for shape in self.shapes],
                "sha256": hashlib.sha256(self.bits).hexdigest()}

    def products(self, config: Config) -> Iterator[tuple[Matrix, Matrix]]:
        """As :meth:`Workload.products`; non-zeros are ones."""
        packed, start = np.frombuffer(self.bits, np.uint8), 0
        for m, n, k in self.shapes:
            pair = []
            for rows, columns in ((m, k), (k, n)):
                size = -(-rows * columns // 8)
                mask = np.unpackbits(packed[start:start + size], count=rows * columns)
                pair.append(mask.reshape(rows, columns).astype(config.format.dtype))
                start += size
            yield pair[0], pair[1]


def pack_masks(name: str, products: Iterable[tuple[Matrix, Matrix]]) -> MaskWorkload:
    """The workload of some products, from A (M x K) and B (K x N) of each."""
    shapes, bits = [], []
    for a, b in products:
        shapes.append((a.shape[0], b.shape[1], a.shape[1]))
        bits += [np.packbits(a != 0).tobytes(), np.packbits(b != 0).tobytes()]
    return MaskWorkload(name=name, shapes=tuple(shapes), bits=b"".join(bits))
