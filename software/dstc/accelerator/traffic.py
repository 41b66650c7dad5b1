"""What a program moves through the memory port: beats, exactly as the device counts them.

With a bus of W bytes, a piece of memory of n bytes at an address that is a multiple of 16 takes
``ceil(n / W)`` beats.  A program reads

- its header and instructions, 64 bytes each, and its words and lists, once;
- for each instruction that is not dense the warp bitmaps of its rows: 16 bytes for 128 k-tiles,
  of A (unless the A tiles are made by the im2col unit), of B, and of the second B of a pair;
- for each group of 32 k-tiles the directory entries from the first to the last that has work:
  with the bits A and B of the k-tile those of ``A & B`` for either column of B, and of
  ``A & (B | B')`` for A; all of them for a dense instruction;
- the records of these k-tiles, those of A once for both columns;
- the C tiles, and for the im2col unit an entry and a record for every word of its list.

It writes the raw tiles; or the records, an entry of a beat behind each, and a beat for each
32-bit word of the warp bitmaps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..beats import tile_records
from ..config import Config
from ..conv.epilogue import Epilogue
from ..conv.geometry import ConvGeometry
from ..formats import EncodedMatrix
from ..isa import WARP_BITS
from .layout import ENTRY_BYTES, WARP_PART_TILES, Directory, raw_tile_bytes
from .parameters import AcceleratorConfig
from .program import Product, Program, convolution_programs, product_programs
from .records import GRANULE, RECORD_BYTES, TILES

__all__ = ["CHANNELS", "TileSizes", "Traffic", "convolution_traffic", "product_traffic",
           "program_traffic", "tile_sizes"]

CHANNELS = ("programs", "warp bitmaps", "entries of A", "entries of B", "entries of B'",
            "records of A", "records of B", "C tiles", "gather words", "post words", "x lists")
"""What is read, in the order of the channels of a core: the low bits of the IDs of its reads.

Feature map records for the im2col unit, and their entries, are those of A.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class TileSizes:
    """Tiles of an operand.

    Attributes
    ----------
    occupied : numpy.ndarray
        ``bool[outer tiles, k-tiles]``: which have a non-zero.
    nbytes : numpy.ndarray
        ``int64[outer tiles, k-tiles]``: bytes of their records.
    """

    occupied: NDArray[np.bool_]
    nbytes: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What programs move.

    Attributes
    ----------
    reads : mapping
        Beats of each of :data:`CHANNELS`.
    write_beats : int
    """

    reads: Mapping[str, int]
    write_beats: int

    @property
    def read_beats(self) -> int:
        """Beats of all channels."""
        return sum(self.reads.values())

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(reads={name: self.reads[name] + other.reads[name] for name in CHANNELS},
                       write_beats=self.write_beats + other.write_beats)


def tile_sizes(encoded: EncodedMatrix, config: Config) -> TileSizes:
    """The tiles of an operand; a :class:`dstc.errors.DstcError` if it was encoded for another
    configuration."""
    records = tile_records(encoded, config)
    grid = encoded.outer_tiles, encoded.k_tiles
    return TileSizes(occupied=(np.diff(encoded.offsets) > 0).reshape(grid),
                     nbytes=(np.diff(records.starts) * records.data.shape[1]).reshape(grid))


def product_traffic(a: EncodedMatrix, b: EncodedMatrix, *, epilogue: Epilogue | None = None,
                    y: EncodedMatrix | None = None, with_c: bool = False, dense: bool = False,
                    costs: NDArray[np.int64] | None = None, accelerator: AcceleratorConfig
                    ) -> list[Traffic]:
    """What a product with both operands in memory moves, by core.

    Parameters
    ----------
    a, b : EncodedMatrix
    epilogue : Epilogue, optional
        Raw results by default.
    y : EncodedMatrix, optional
        The result, side A, if ``epilogue`` makes records.
    with_c : bool
        Whether sums start from C.
    dense : bool
    costs : numpy.ndarray, optional
        As :func:`dstc.accelerator.program.product_programs` takes them.
    accelerator : AcceleratorConfig

    Raises
    ------
    DstcError
        If a part does not fit an instruction or the configuration.
    """
    core = accelerator.core
    product = _product((a.outer, b.outer), a, b, y, with_c)
    return [program_traffic(program, product, a=tile_sizes(a, core), b=tile_sizes(b, core),
                            y=None if y is None else tile_sizes(y, core), accelerator=accelerator)
            for program in product_programs(product, epilogue or Epilogue(),
                                            accelerator=accelerator, dense=dense, costs=costs)]


def convolution_traffic(x: EncodedMatrix, weights: EncodedMatrix, geometry: ConvGeometry,
                        epilogue: Epilogue, *, y: EncodedMatrix | None = None,
                        with_c: bool = False, accelerator: AcceleratorConfig) -> list[Traffic]:
    """What a convolution whose A tiles the im2col unit makes moves, by core.

    Parameters
    ----------
    x : EncodedMatrix
        The feature map (:func:`dstc.conv.encode_map`).
    weights : EncodedMatrix
        Side B of :func:`dstc.conv.weight_matrix`.
    geometry : ConvGeometry
    epilogue, y, with_c, accelerator
        As :func:`product_traffic`.

    Raises
    ------
    DstcError
        As :func:`product_traffic`.
    """
    core = accelerator.core
    product = _product((geometry.positions, geometry.outputs), None, weights, y, with_c)
    programs = convolution_programs(product, geometry, _directory(x), weights, epilogue,
                                    accelerator=accelerator)
    return [program_traffic(program, product, a=None, b=tile_sizes(weights, core),
                            x=tile_sizes(x, core), y=None if y is None else tile_sizes(y, core),
                            accelerator=accelerator) for program in programs]


def _directory(encoded: EncodedMatrix) -> Directory:
    """At any address: traffic does not depend on where things are."""
    return Directory(address=0, rows=encoded.outer_tiles, k_tiles=encoded.k_tiles)


def _product(shape: tuple[int, int], a: EncodedMatrix | None, b: EncodedMatrix,
             y: EncodedMatrix | None, with_c: bool) -> Product:
    return Product(shape=shape, a=None if a is None else _directory(a), b=_directory(b),
                   c=0 if with_c else None, result=0, y=None if y is None else _directory(y))


def program_traffic(program: Program, product: Product, *, a: TileSizes | None, b: TileSizes,
                    x: TileSizes | None = None, y: TileSizes | None = None,
                    accelerator: AcceleratorConfig) -> Traffic:
    """What one program moves.

    Parameters
    ----------
    program : Program
    product : Product
        What it was made from.
    a : TileSizes or None
        None if the im2col unit makes the A tiles.
    b : TileSizes
    x : TileSizes, optional
        The feature map that the im2col unit takes.
    y : TileSizes, optional
        The feature map that is written, as the sums turn out.
    accelerator : AcceleratorConfig
    """
    width = accelerator.data_bytes
    fields = _fields(program.instructions)
    column = _rows(fields["b"], product.b)
    pair, dense = (fields[name].astype(np.bool_)[:, None] for name in ("pair", "dense"))
    last = b.occupied.shape[0] - 1
    right = np.minimum(column + 1, last)
    row = None if product.a is None else _rows(fields["a"], product.a)
    has_a = np.True_ if a is None or row is None else a.occupied[row]
    first = dense | has_a & b.occupied[column]
    second = pair & (dense | has_a & b.occupied[right])
    chunks = -(-b.occupied.shape[1] // WARP_PART_TILES)
    walked = (~dense * (1 + pair + (row is not None))).sum()
    reads = dict.fromkeys(CHANNELS, 0) | {
        "programs": _beats(RECORD_BYTES, width) + _beats(program.instructions.nbytes, width),
        "warp bitmaps": chunks * walked * _beats(GRANULE, width),
        "entries of B": _entry_beats(first, width), "entries of B'": _entry_beats(second, width),
        "records of B": ((first * _beats(b.nbytes, width)[column]).sum()
                         + (second * _beats(b.nbytes, width)[right]).sum()),
        "C tiles": ((fields["load_c"] * (1 + fields["pair"])).sum()
                    * _beats(raw_tile_bytes(accelerator.core), width)),
        "gather words": _beats(program.gather.nbytes, width),
        "post words": _beats(program.post.nbytes, width),
        "x lists": _beats(program.x_list.nbytes, width)}
    if a is not None and row is not None:
        either = first | second
        reads |= {"entries of A": _entry_beats(either, width),
                  "records of A": (either * _beats(a.nbytes, width)[row]).sum()}
    elif x is not None:
        reads |= {"entries of A": program.x_list.size, "records of A": _listed(program, x, width)}
    return Traffic(reads={name: int(count) for name, count in reads.items()},
                   write_beats=int(_write_beats(fields, product, y, accelerator)))


def _fields(instructions: NDArray[np.uint64]) -> dict[str, NDArray[np.int64]]:
    return {field.name: ((instructions[:, field.word] & np.uint64(field.mask))
                         >> np.uint64(field.lsb)).astype(np.int64) for field in TILES.fields}


def _rows(addresses: NDArray[np.int64], directory: Directory) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = (addresses - directory.address) // directory.stride
    return rows


def _beats(size: Any, width: int) -> Any:
    """Beats of pieces of so many bytes."""
    return -(-size // width)


def _entry_beats(wanted: NDArray[np.bool_], width: int) -> int:
    """Beats of the entries of some k-tiles of each instruction."""
    instructions, k_tiles = wanted.shape
    groups = -(-k_tiles // WARP_BITS)
    padded = np.zeros((instructions, groups * WARP_BITS), np.bool_)
    padded[:, :k_tiles] = wanted
    runs = padded.reshape(-1, WARP_BITS)
    runs = runs[runs.any(axis=1)]
    per_beat = width // ENTRY_BYTES
    first = runs.argmax(axis=1)
    last = WARP_BITS - 1 - runs[:, ::-1].argmax(axis=1)
    return int((last // per_beat - first // per_beat + 1).sum())


def _listed(program: Program, x: TileSizes, width: int) -> int:
    """Beats of the feature map records that the im2col unit takes."""
    rows, k_tiles = x.occupied.shape
    directory = Directory(address=0, rows=rows, k_tiles=k_tiles)
    row, place = np.divmod(program.x_list.astype(np.int64) * ENTRY_BYTES, directory.stride)
    return int(_beats(x.nbytes, width)[row, (place - directory.warp_bytes) // ENTRY_BYTES].sum())


def _write_beats(fields: dict[str, NDArray[np.int64]], product: Product, y: TileSizes | None,
                 accelerator: AcceleratorConfig) -> int:
    width = accelerator.data_bytes
    if product.y is None or y is None:
        tiles = int((1 + fields["pair"]).sum())
        return tiles * int(_beats(raw_tile_bytes(accelerator.core), width))
    counts = fields["blocks0"] + fields["blocks1"]
    starts = np.cumsum(counts) - counts
    row = np.repeat(_rows(fields["y"], product.y), counts)
    index = (np.repeat(fields["y_first"] - starts, counts) + np.arange(counts.sum()))
    words = row * product.y.stride + index // WARP_BITS
    changes = 1 + int((np.diff(words) != 0).sum())
    return int(_beats(y.nbytes[row, index], width).sum()) + index.size + changes
