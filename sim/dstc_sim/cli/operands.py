"""The operands of a product, from files or at random, in the formats of a configuration."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.errors import DstcError
from dstc.numerics import to_accumulator, to_element
from dstc.readers import read_matrix
from dstc.workloads import random_accumulators, random_matrix

from .common import parse_shape

__all__ = ["Operands", "chosen_operands", "operands_from_files", "random_operands", "with_c"]

MAX_RANDOM = 1 << 28


@dataclass(frozen=True, kw_only=True, eq=False)
class Operands:
    """A, B and C of ``A B + C``.

    Attributes
    ----------
    a, b : numpy.ndarray
        M x K and K x N of the element dtype.
    c : numpy.ndarray or None
        M x N of the accumulator dtype.
    rounded : dict of int
        For ``a``, ``b`` and ``c``, how many values the conversion changed.
    """

    a: NDArray[Any]
    b: NDArray[Any]
    c: NDArray[Any] | None
    rounded: dict[str, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """M, N, K."""
        return self.a.shape[0], self.b.shape[1], self.a.shape[1]


def chosen_operands(a: str | None, b: str | None, shape: str | None,
                    densities: tuple[float | None, float | None],
                    defaults: tuple[float, float], seed: int, config: Config) -> Operands:
    """A and B from files, or random ones.

    Parameters
    ----------
    a, b : str or None
        Files.
    shape : str or None
        MxNxK of random operands.
    densities : tuple of float or None
        Of random operands, where one was asked for.
    defaults : tuple of float
        Densities where none was.

    Raises
    ------
    DstcError
        If files and options contradict each other, nothing is asked for, or as
        :func:`operands_from_files` and :func:`random_operands`.
    """
    if a is not None and b is None:
        raise DstcError(f"Files must be given for A and B or for neither, not only {a}")
    if a is not None and b is not None:
        if (shape, *densities) != (None, None, None):
            raise DstcError("Options --shape, --density-a and --density-b must be given without "
                            "files, not with them")
        return operands_from_files(a, b, config)
    if shape is None:
        raise DstcError("Files of A and B, or --shape, must be given, not neither")
    wanted = [default if density is None else density
              for density, default in zip(densities, defaults, strict=True)]
    return random_operands(parse_shape(shape), (wanted[0], wanted[1]), seed, config)


def operands_from_files(a: str, b: str, config: Config) -> Operands:
    """Read A and B and convert them to the configuration's element format.

    Raises
    ------
    DstcError
        If a file cannot be read or its values converted, or the shapes do not fit.
    """
    read_a, rounded_a = to_element(read_matrix(a), config.element)
    read_b, rounded_b = to_element(read_matrix(b), config.element)
    if read_a.shape[1] != read_b.shape[0]:
        raise DstcError(f"Columns of A must be as many as the {read_b.shape[0]} rows of B, "
                        f"not {read_a.shape[1]}")
    return Operands(a=read_a, b=read_b, c=None,
                    rounded={"a": rounded_a, "b": rounded_b, "c": 0})


def random_operands(shape: tuple[int, int, int], densities: tuple[float, float], seed: int,
                    config: Config) -> Operands:
    """Random A and B; the same for the same arguments.

    Raises
    ------
    DstcError
        If a density is outside 0 to 1 or a matrix too large.
    """
    m, n, k = shape
    if max(m * k, k * n, m * n) > MAX_RANDOM:
        raise DstcError(f"Random matrices must have at most {MAX_RANDOM} elements, not a shape "
                        f"of {m}x{n}x{k}")
    rng_a, rng_b = np.random.default_rng(seed).spawn(2)
    return Operands(a=random_matrix((m, k), densities[0], config.element, rng_a),
                    b=random_matrix((k, n), densities[1], config.element, rng_b), c=None,
                    rounded={"a": 0, "b": 0, "c": 0})


def with_c(operands: Operands, path: str | None, random_c: bool, seed: int, config: Config
           ) -> Operands:
    """The same operands with a C from a file, or a random one, or none.

    Raises
    ------
    DstcError
        If both are asked for, the file cannot be read or its values converted, or it is not
        M x N.
    """
    m, n, _ = operands.shape
    if path is not None and random_c:
        raise DstcError("Option --random-c must be given without --c, not with it")
    if random_c:
        rng = np.random.default_rng(seed).spawn(3)[2]
        return replace(operands, c=random_accumulators((m, n), config.element, rng))
    if path is None:
        return operands
    c, rounded = to_accumulator(read_matrix(path), config.format)
    if c.shape != (m, n):
        raise DstcError(f"C must be {m} x {n}, not {c.shape[0]} x {c.shape[1]}")
    return replace(operands, c=c, rounded={**operands.rounded, "c": rounded})
