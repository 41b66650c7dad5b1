"""Work that is ready in memory: operands, programs and places for results."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..accelerator.layout import (
    Directory,
    directory_bytes,
    map_directory,
    packed_records,
    raw_tile_bytes,
    read_map,
    slot_bytes,
)
from ..accelerator.parameters import AcceleratorConfig
from ..accelerator.program import Program
from ..beats import result_beats, result_matrix, tile_records
from ..conv.featuremap import decode_map, matrix_map
from ..formats import EncodedMatrix
from ..formats.layout import tiles_along
from .bus import Bus
from .memory import Allocator, Region

__all__ = ["MapPlace", "RawPlace", "Task", "TaskBuilder", "read_place"]


@dataclass(frozen=True, kw_only=True)
class RawPlace:
    """Where accumulators are: tiles row by row, beat after beat (docs/format.md).

    Attributes
    ----------
    region : Region
    shape : tuple of int
        Of the matrix.
    size : tuple of int or None
        OH and OW of a convolution, whose positions are the rows.
    """

    region: Region
    shape: tuple[int, int]
    size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class MapPlace:
    """Where a feature map is that the device writes.

    Attributes
    ----------
    directory : Directory
    slots : Region
    shape : tuple of int
        Positions and channels.
    size : tuple of int
        H and W.
    """

    directory: Directory
    slots: Region
    shape: tuple[int, int]
    size: tuple[int, int]


@dataclass(eq=False)
class Task:
    """Jobs whose programs and operands are in memory.

    Attributes
    ----------
    jobs : dict
        Name of each job and the addresses of its programs, core 0 first, in the order in which
        they have to run.
    places : dict
        Name of each result and where it is once its job has ended.
    regions : list of Region
        All memory that belongs to it.
    """

    jobs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    places: dict[str, RawPlace | MapPlace] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)


class TaskBuilder:
    """Puts a task into the memory of a device.

    Parameters
    ----------
    bus : Bus
    allocator : Allocator
    accelerator : AcceleratorConfig
    """

    def __init__(self, bus: Bus, allocator: Allocator, accelerator: AcceleratorConfig):
        self.task = Task()
        self._bus = bus
        self._allocator = allocator
        self._accelerator = accelerator
        self._config = accelerator.core

    def release(self) -> None:
        """Give all memory of the task back."""
        for region in self.task.regions:
            self._allocator.free(region)
        self.task.regions.clear()

    def operand(self, name: str, encoded: EncodedMatrix) -> Directory:
        """Write an operand, its records packed.

        Raises
        ------
        DstcError
            If it was encoded for another configuration, has too many k-tiles, or memory is short.
        """
        records = tile_records(encoded, self._config)
        data, offsets = packed_records(records)
        place = self._write(f"records of {name}", data.tobytes())
        directory = Directory(address=0, rows=encoded.outer_tiles, k_tiles=encoded.k_tiles)
        region = self._take(f"directory of {name}", directory.nbytes)
        occupied = np.diff(encoded.offsets).reshape(directory.rows, directory.k_tiles) > 0
        image = directory_bytes(directory, occupied, offsets + place.address,
                                np.diff(records.starts))
        self._bus.write_memory(region.address, image.tobytes())
        return Directory(address=region.address, rows=directory.rows, k_tiles=directory.k_tiles)

    def accumulators(self, name: str, matrix: NDArray[Any]) -> int:
        """Write C tiles; the address of the first."""
        return self._write(name, result_beats(matrix, self._config).tobytes()).address

    def raw(self, name: str, shape: tuple[int, int], size: tuple[int, int] | None = None
            ) -> RawPlace:
        """A place for accumulators."""
        tiles = (tiles_along(shape[0], self._config.tile_m)
                 * tiles_along(shape[1], self._config.tile_n))
        region = self._take(f"results {name}", tiles * raw_tile_bytes(self._config))
        place = RawPlace(region=region, shape=shape, size=size)
        self.task.places[name] = place
        return place

    def feature_map(self, name: str, shape: tuple[int, int], size: tuple[int, int]) -> MapPlace:
        """A place for a feature map; its directory is empty."""
        directory = map_directory(shape, 0, self._config)
        region = self._write(f"directory of {name}", bytes(directory.nbytes))
        slots = self._take(f"records of {name}",
                           directory.rows * directory.k_tiles * slot_bytes(self._config))
        place = MapPlace(directory=map_directory(shape, region.address, self._config),
                         slots=slots, shape=shape, size=size)
        self.task.places[name] = place
        return place

    def job(self, name: str, programs: Sequence[Program]) -> None:
        """Write the programs of a job, the one of core 0 first."""
        addresses = []
        for core, program in enumerate(programs):
            region = self._take(f"program of core {core} for {name}", program.nbytes)
            self._bus.write_memory(region.address, program.to_bytes(region.address))
            addresses.append(region.address)
        self.task.jobs[name] = tuple(addresses)

    def _take(self, name: str, size: int) -> Region:
        region = self._allocator.allocate(name, size)
        self.task.regions.append(region)
        return region

    def _write(self, name: str, data: bytes) -> Region:
        region = self._take(name, len(data))
        self._bus.write_memory(region.address, data)
        return region


def read_place(bus: Bus, place: RawPlace | MapPlace, accelerator: AcceleratorConfig
               ) -> NDArray[Any]:
    """The result that is there, as a matrix or a feature map (C, H, W).

    Raises
    ------
    DstcError
        If it is no feature map that a device has written.
    """
    config = accelerator.core
    if isinstance(place, MapPlace):
        directory, slots = place.directory, place.slots
        encoded = read_map(directory, bus.read_memory(directory.address, directory.nbytes),
                           slots.address, bus.read_memory(slots.address, slots.size),
                           place.shape, config)
        return decode_map(encoded, place.size)
    data = np.frombuffer(bus.read_memory(place.region.address, place.region.size), np.uint8)
    matrix = result_matrix(data.reshape(-1, config.c_beat_bits // 8), place.shape, config)
    return matrix if place.size is None else matrix_map(matrix, place.size)
