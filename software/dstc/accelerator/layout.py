"""Operands in memory (docs/memory.md): directories, packed and slotted records."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..beats import TileRecords, encoded_records
from ..config import Config
from ..errors import DstcError
from ..formats import EncodedMatrix
from ..formats.layout import tiles_along, warp_bitmaps
from .records import ENTRY, GRANULE

__all__ = ["ENTRY_BYTES", "SLOT_GRANULE", "WARP_PART_TILES", "Directory", "directory_bytes",
           "map_directory", "packed_records", "padded", "raw_tile_bytes", "read_map", "slot_bytes"]

SLOT_GRANULE = 64
"""Slots are multiples of so many bytes."""
WARP_PART_TILES = 128
"""k-tiles whose warp bits fill a granule of a directory row."""
ENTRY_BYTES = 8


def padded(size: int, unit: int) -> int:
    """The size rounded up to whole units."""
    return tiles_along(size, unit) * unit


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Where the directory of an operand is: one row for each row of A tiles, column of B tiles
    or tile of positions.

    Parameters
    ----------
    address : int
        Of the first row.
    rows : int
    k_tiles : int
        1 to 65535.

    Raises
    ------
    DstcError
        If an instruction cannot count the k-tiles.
    """

    address: int
    rows: int
    k_tiles: int

    def __post_init__(self) -> None:
        if not 1 <= self.k_tiles < 1 << 16:
            raise DstcError(f"Operand must have from 1 to {(1 << 16) - 1} k-tiles, "
                            f"not {self.k_tiles}")

    @property
    def warp_bytes(self) -> int:
        """Bytes of the warp bitmap of a row."""
        return tiles_along(self.k_tiles, WARP_PART_TILES) * GRANULE

    @property
    def stride(self) -> int:
        """Bytes from one row to the next."""
        return self.warp_bytes + padded(self.k_tiles * ENTRY_BYTES, GRANULE)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.rows * self.stride

    def row(self, index: int) -> int:
        """Address of a row."""
        return self.address + index * self.stride

    def entry_words(self, records: NDArray[np.int32]) -> NDArray[np.uint32]:
        """Numbers of the 64-bit words, counted from the first row, that are the entries of some
        records; record r is k-tile ``r % k_tiles`` of row ``r // k_tiles``."""
        row, k_tile = np.divmod(records.astype(np.int64), self.k_tiles)
        words = (row * self.stride + self.warp_bytes) // ENTRY_BYTES + k_tile
        return words.astype(np.uint32)


def packed_records(records: TileRecords) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Records one after the other.

    Returns
    -------
    data : numpy.ndarray
        ``uint8[bytes]``.
    offsets : numpy.ndarray
        ``int64[records]``: first byte of each.
    """
    beat_bytes = records.data.shape[1]
    step = max(1, GRANULE // beat_bytes)
    if step == 1:
        return records.data.reshape(-1), records.starts[:-1] * beat_bytes
    lengths = np.diff(records.starts)
    ends = np.cumsum(-(-lengths // step) * step)
    firsts = np.append(0, ends)[:-1]
    data = np.zeros((int(ends[-1]), beat_bytes), np.uint8)
    moves = np.repeat(firsts - records.starts[:-1], lengths)
    data[np.arange(len(records.data)) + moves] = records.data
    return data.reshape(-1), firsts * beat_bytes


def directory_bytes(directory: Directory, occupied: NDArray[np.bool_],
                    addresses: NDArray[np.int64], beats: NDArray[np.int64]
                    ) -> NDArray[np.uint8]:
    """The bytes of a directory.

    Parameters
    ----------
    directory : Directory
    occupied : numpy.ndarray
        ``bool[rows, k_tiles]``: which tiles have a non-zero.
    addresses, beats : numpy.ndarray
        ``int64[rows * k_tiles]``: where the records are and how long, row by row.

    Raises
    ------
    DstcError
        If an address is not aligned or too high.
    """
    rows, k_tiles = directory.rows, directory.k_tiles
    place, length = ENTRY["place"], ENTRY["beats"]
    limit = place.limit * GRANULE
    if addresses.min() < 0 or addresses.max() >= limit or (addresses % GRANULE).any():
        raise DstcError(f"Addresses of tile records must be multiples of {GRANULE} below "
                        f"{limit:#x}, not from {addresses.min():#x} to {addresses.max():#x}")
    entries = ((addresses // GRANULE).astype("<u8") << np.uint64(place.lsb)
               | beats.astype("<u8") << np.uint64(length.lsb))
    image = np.zeros((rows, directory.stride), np.uint8)
    warp = warp_bitmaps(occupied)
    image[:, :warp.shape[1] * warp.itemsize] = warp.view(np.uint8)
    first = directory.warp_bytes
    image[:, first:first + k_tiles * ENTRY_BYTES] = entries.reshape(rows, k_tiles).view(np.uint8)
    return image.reshape(-1)


def raw_tile_bytes(config: Config) -> int:
    """Bytes of a C or D tile."""
    return config.c_beats * config.c_beat_bits // 8


def slot_bytes(config: Config) -> int:
    """Bytes of the slot that a record made by the device has: the longest, in whole granules."""
    beat_bytes = config.a_beat_bits // 8
    longest = (tiles_along(config.tile_m * config.tile_k // 8, beat_bytes)
               + tiles_along(config.tile_m * config.tile_k, config.a_beat_values)) * beat_bytes
    return padded(longest, SLOT_GRANULE)


def map_directory(shape: tuple[int, int], address: int, config: Config) -> Directory:
    """The directory of a feature map with so many positions and channels."""
    return Directory(address=address, rows=tiles_along(shape[0], config.tile_m),
                     k_tiles=tiles_along(shape[1], config.tile_k))


def read_map(directory: Directory, directory_image: bytes, slots: int, slots_image: bytes,
             shape: tuple[int, int], config: Config) -> EncodedMatrix:
    """The feature map that a device wrote.

    Parameters
    ----------
    directory : Directory
    directory_image : bytes
        What is in memory there.
    slots : int
        Address of the first slot.
    slots_image : bytes
        What is in memory there, all slots.
    shape : tuple of int
        Positions and channels.
    config : Config

    Raises
    ------
    DstcError
        If an entry does not lead to its slot, or records, warp bitmaps and shape contradict each
        other.
    """
    rows, k_tiles, first = directory.rows, directory.k_tiles, directory.warp_bytes
    image = np.frombuffer(directory_image, np.uint8).reshape(rows, directory.stride)
    entries = np.ascontiguousarray(image[:, first:first + k_tiles * ENTRY_BYTES]).view("<u8")
    flat = entries.reshape(-1)
    length, slot, beat_bytes = ENTRY["beats"], slot_bytes(config), config.a_beat_bits // 8
    offsets = np.arange(flat.size) * slot
    beats = ((flat & np.uint64(length.mask)) >> np.uint64(length.lsb)).astype(np.int64)
    rest = flat & ~np.uint64(length.mask)
    wrong = np.flatnonzero((rest != ((slots + offsets) // GRANULE).astype(np.uint64))
                           | (beats < 1) | (beats * beat_bytes > slot))
    if wrong.size:
        raise DstcError(f"Entry {wrong[0]} of a feature map's directory must lead to its slot, "
                        f"not be {flat[wrong[0]]:#018x}")
    data = np.frombuffer(slots_image, np.uint8).reshape(-1, beat_bytes)
    starts = np.append(0, np.cumsum(beats))
    moves = np.repeat(offsets // beat_bytes - starts[:-1], beats)
    records = TileRecords(data=data[np.arange(starts[-1]) + moves], starts=starts)
    encoded = encoded_records(records, shape, config)
    occupied = np.diff(encoded.offsets).reshape(rows, k_tiles) > 0
    want = directory_bytes(directory, occupied, offsets + slots, beats)
    if want.tobytes() != bytes(directory_image):
        raise DstcError("Warp bitmaps of a feature map's directory must mark the records that "
                        "have values, not others")
    return encoded
