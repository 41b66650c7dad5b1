"""Programs of products and convolutions in memory: instructions and words of each core."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..conv.epilogue import Epilogue
from ..conv.gather import gather_program
from ..conv.geometry import ConvGeometry
from ..conv.post import block_counts, post_words
from ..conv.schedule import choose_columns, shared_occupancy
from ..errors import DstcError
from ..formats import EncodedMatrix
from ..formats.layout import WARP_BITS, tiles_along
from ..isa import CONTEXTS
from ..skiprule import ohmma_per_tile
from .grid import Block, cut_grid
from .layout import Directory, padded, raw_tile_bytes, slot_bytes
from .parameters import AcceleratorConfig
from .records import (
    GRANULE,
    PROGRAM,
    PROGRAM_MAGIC,
    RECORD_BYTES,
    TILES,
    TILES_OPCODE,
    RecordSpec,
)

__all__ = ["Product", "Program", "blocks_of", "convolution_programs", "product_costs",
           "product_programs"]


@dataclass(frozen=True, kw_only=True)
class Product:
    """Where the operands and results of one product are.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the result: positions and output channels of a convolution.
    a : Directory or None
        Row tiles; None if the im2col unit makes the A tiles.
    b : Directory
        Column tiles.
    c : int or None
        Address of the C tiles, row by row; None: sums start from +0.
    result : int
        Address of the D tiles, row by row, or of the slots of the records that are written.
    y : Directory or None
        The directory of those records; None: results are raw.
    """

    shape: tuple[int, int]
    a: Directory | None
    b: Directory
    c: int | None
    result: int
    y: Directory | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """What one core does in a job; it can be put anywhere.

    Attributes
    ----------
    config_id : int
    instructions : numpy.ndarray
        ``uint64[TILES, words of a record]``.
    post, gather : numpy.ndarray
        ``uint64``: words of the epilogue and of the im2col unit.
    x_list : numpy.ndarray
        ``uint32``: directory words of the records that the im2col unit takes, in order.
    x_directory : int or None
        Address that they count from; None: the A tiles come from memory.
    """

    config_id: int
    instructions: NDArray[np.uint64]
    post: NDArray[np.uint64]
    gather: NDArray[np.uint64]
    x_list: NDArray[np.uint32]
    x_directory: int | None = None

    @property
    def parts(self) -> dict[str, tuple[int, int]]:
        """First byte and bytes of everything in it."""
        arrays: dict[str, NDArray[Any]] = {
            "header": np.zeros(RECORD_BYTES, np.uint8), "instructions": self.instructions,
            "post words": self.post, "gather words": self.gather,
            "list of feature map records": self.x_list}
        parts, at = {}, 0
        for name, array in arrays.items():
            parts[name] = at, array.nbytes
            at = padded(at + array.nbytes, GRANULE)
        return parts

    @property
    def nbytes(self) -> int:
        """Bytes, header and streams included."""
        start, size = self.parts["list of feature map records"]
        return padded(start + size, GRANULE)

    def to_bytes(self, address: int) -> bytes:
        """The program as it has to be in memory.

        Parameters
        ----------
        address : int
            Of the header, a multiple of 64.

        Raises
        ------
        DstcError
            If the address is not aligned or a stream is too long.
        """
        if address % RECORD_BYTES:
            raise DstcError(f"Address of a program must be a multiple of {RECORD_BYTES}, "
                            f"not {address:#x}")
        at = {name: address + start if size else 0 for name, (start, size) in self.parts.items()}
        header = PROGRAM.pack(
            magic=PROGRAM_MAGIC, version=1, lowered=int(self.x_directory is not None),
            instructions=len(self.instructions), post_words=self.post.size,
            post=at["post words"], gather=at["gather words"], gather_words=self.gather.size,
            x_records=self.x_list.size, x_list=at["list of feature map records"],
            x_directory=self.x_directory or 0, config_id=self.config_id)
        image = bytearray(self.nbytes)
        arrays: tuple[NDArray[Any], ...] = (header, self.instructions, self.post, self.gather,
                                            self.x_list)
        for (start, size), array in zip(self.parts.values(), arrays, strict=True):
            image[start:start + size] = array.astype(array.dtype.newbyteorder("<")).tobytes()
        return bytes(image)


def product_programs(product: Product, epilogue: Epilogue, *, accelerator: AcceleratorConfig,
                     dense: bool = False, costs: NDArray[np.int64] | None = None
                     ) -> list[Program]:
    """Programs of a product with both operands in memory, one for each core that takes part.

    Parameters
    ----------
    product : Product
        With ``a``.
    epilogue : Epilogue
    accelerator : AcceleratorConfig
    dense : bool
        Every pair of tiles takes its full number of OHMMA.
    costs : numpy.ndarray, optional
        What each row of output tiles costs, for :func:`blocks_of`.

    Raises
    ------
    DstcError
        If a part of the product does not fit an instruction.
    """
    config = accelerator.core
    return [Program(config_id=accelerator.config_id,
                    instructions=_instructions(product, block, CONTEXTS, dense, config),
                    post=post_words(product.shape, epilogue, config, rows=block.rows,
                                    columns=block.columns),
                    gather=np.zeros(0, np.uint64), x_list=np.zeros(0, np.uint32))
            for block in blocks_of(product, accelerator, costs)]


def product_costs(a: EncodedMatrix, b: EncodedMatrix, dense: bool, config: Config
                  ) -> NDArray[np.int64]:
    """About how many cycles each row of output tiles takes, for :func:`product_programs`: a tile
    its OHMMA, and the port for its results in any case."""
    tiles = config.c_beats + (0 if dense else ohmma_per_tile(a, b, config))
    costs: NDArray[np.int64] = np.broadcast_to(tiles, (a.outer_tiles, b.outer_tiles)).sum(axis=1)
    return costs


def convolution_programs(product: Product, geometry: ConvGeometry, x: Directory,
                         weights: EncodedMatrix, epilogue: Epilogue, *,
                         accelerator: AcceleratorConfig) -> list[Program]:
    """Programs of a convolution whose A tiles the im2col unit makes, one for each core.

    Parameters
    ----------
    product : Product
        Without ``a``.
    geometry : ConvGeometry
    x : Directory
        The feature map.
    weights : EncodedMatrix
        Side B; what ``product.b`` leads to.
    epilogue : Epilogue
    accelerator : AcceleratorConfig

    Raises
    ------
    DstcError
        If a part of the product does not fit an instruction.
    """
    config = accelerator.core
    occupied = (np.diff(weights.offsets) > 0).reshape(weights.outer_tiles, weights.k_tiles)
    shared = choose_columns(geometry, weights, config)
    programs = []
    for block in blocks_of(product, accelerator):
        part = occupied[block.columns.start:block.columns.stop]
        gather = gather_program(geometry, shared_occupancy(part, shared), config, block.rows)
        programs.append(Program(
            config_id=accelerator.config_id,
            instructions=_instructions(product, block, shared, False, config),
            post=post_words(product.shape, epilogue, config, rows=block.rows,
                            columns=block.columns),
            gather=gather.words, x_list=x.entry_words(gather.order), x_directory=x.address))
    return programs


def blocks_of(product: Product, accelerator: AcceleratorConfig,
              costs: NDArray[np.int64] | None = None) -> list[Block]:
    """The output tiles of each core; columns are cut between pairs, and between words of the warp
    bitmaps that are written.

    Parameters
    ----------
    product : Product
    accelerator : AcceleratorConfig
    costs : numpy.ndarray, optional
        ``int64[rows of output tiles]``: what each costs, in any unit; 1 without.
    """
    config = accelerator.core
    rows = tiles_along(product.shape[0], config.tile_m)
    columns = tiles_along(product.shape[1], config.tile_n)
    step = CONTEXTS
    if product.y is not None:
        # The records of the column begin a word of the warp bitmap.
        step = int(np.lcm(np.lcm(WARP_BITS, config.channel_blocks) // config.channel_blocks, step))
    return cut_grid((rows, columns), accelerator.cores, step, costs)


def _instructions(product: Product, block: Block, shared: int, dense: bool, config: Config
                  ) -> NDArray[np.uint64]:
    """The ``TILES`` of a block, row by row; ``shared`` neighbouring columns in each."""
    columns = tiles_along(product.shape[1], config.tile_n)
    first = np.arange(block.columns.start, block.columns.stop, shared)
    row, column = (each.reshape(-1) for each in np.meshgrid(np.array(block.rows), first,
                                                            indexing="ij"))
    pair = np.minimum(shared, block.columns.stop - column) == CONTEXTS
    tile = (row * columns + column) * raw_tile_bytes(config)
    zero = np.zeros(row.size, np.int64)
    a, b, y = product.a, product.b, product.y
    fields = {
        "opcode": zero + TILES_OPCODE, "pair": pair, "dense": zero + dense,
        "load_c": zero + (product.c is not None), "raw": zero + (y is None),
        "ktiles": zero + b.k_tiles, "a": zero if a is None else a.address + row * a.stride,
        "b": b.address + column * b.stride, "c": zero if product.c is None else product.c + tile,
        "result": product.result + tile, "y": zero, "y_ktiles": zero, "y_first": zero,
        "blocks0": zero, "blocks1": zero}
    if y is not None:
        counts = np.append(block_counts(product.shape[1], config), 0)
        record = row * y.k_tiles + column * config.channel_blocks
        fields |= {
            "result": product.result + record * slot_bytes(config),
            "y": y.address + row * y.stride, "y_ktiles": zero + y.k_tiles,
            "y_first": column * config.channel_blocks, "blocks0": counts[column],
            "blocks1": np.where(pair, counts[column + 1], 0)}
    return _pack(TILES, fields)


def _pack(spec: RecordSpec, fields: dict[str, NDArray[Any]]) -> NDArray[np.uint64]:
    """Many records at once, checked like one."""
    words: NDArray[np.uint64] = np.zeros((fields["opcode"].size, spec.words), np.uint64)
    for field in spec.fields:
        values = fields[field.name].astype(np.int64)
        for value in (values.min(), values.max(), *values[values % field.align != 0][:1]):
            field.check(int(value), spec.name)
        words[:, field.word] |= values.astype(np.uint64) << np.uint64(field.lsb)
    return words
