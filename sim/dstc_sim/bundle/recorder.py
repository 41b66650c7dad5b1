"""What a driver does and what has to come of it, as files of a bench."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.accelerator.layout import directory_bytes, slot_bytes
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.beats import result_beats, tile_records
from dstc.conv.featuremap import encode_map, map_matrix
from dstc.device import Device, RecordingBus, Task
from dstc.device.recording import WriteMemory
from dstc.device.task import MapPlace, RawPlace

from .image import MemoryImage
from .script import Action, acknowledge, check, script_of

__all__ = ["MEMORY_BYTES", "Recorder", "Vectors", "base_address"]

MEMORY_BYTES = 1 << 24
"""Of the window that the driver gets; simulated is only what it takes of it."""
TAG = 0x0000D57C


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """One run of the bench.

    Attributes
    ----------
    name : str
        Of its folder.
    about : str
        What runs, in one line.
    memory, expected : MemoryImage
        Before, and what is different or has to be known after.
    script : list of Action
    """

    name: str
    about: str
    memory: MemoryImage
    expected: MemoryImage
    script: list[Action]


def base_address(accelerator: AcceleratorConfig) -> int:
    """Where the simulated memory starts: high, so that every bit of an address is used."""
    return 1 << accelerator.address_bits - 1


class Recorder:
    """A driver on a bus that only records, and what has to come of the tasks it is given.

    Parameters
    ----------
    accelerator : AcceleratorConfig

    Attributes
    ----------
    device : Device
        The driver, to prepare tasks with.
    """

    def __init__(self, accelerator: AcceleratorConfig):
        self.accelerator, base = accelerator, base_address(accelerator)
        self._bus = RecordingBus(accelerator)
        self.device = Device(self._bus, range(base, base + MEMORY_BYTES),
                             config=accelerator.core)
        self._tasks: list[Task] = []
        self._expected = MemoryImage(base, accelerator.data_bytes)
        self._jobs = 0

    def add(self, task: Task, results: dict[str, NDArray[Any]]) -> None:
        """Submit the jobs of a task; ``results`` are matrices or feature maps by name."""
        self._tasks.append(task)
        for name, place in task.places.items():
            about = f"result {name} of task {len(self._tasks)}"
            self._expect(place, results[name], about)
        for programs in task.jobs.values():
            self.device.queue.submit(programs, TAG + self._jobs)
            self._jobs += 1

    def finish(self, name: str, about: str, checks: Sequence[Action]) -> Vectors:
        """Wait for all jobs, check that there was no error, and then ``checks``."""
        self.device.queue.wait()
        memory = MemoryImage(base_address(self.accelerator), self.accelerator.data_bytes)
        names = {region.address: region.name for task in self._tasks for region in task.regions}
        for step in self._bus.steps:
            if isinstance(step, WriteMemory):
                memory.put(step.address, step.data, names.get(step.address, "job"))
        script = [*script_of(self._bus.steps), check("ERROR", 0), check("STATUS", 0),
                  check("JOB_TAG_LO", TAG + self._jobs - 1), check("JOB_TAG_HI", 0), *checks,
                  *acknowledge()]
        return Vectors(name=name, about=about, memory=memory, expected=self._expected,
                       script=script)

    def _expect(self, place: RawPlace | MapPlace, result: NDArray[Any], about: str) -> None:
        config = self.accelerator.core
        if isinstance(place, RawPlace):
            matrix = result if place.size is None else map_matrix(result)
            # Tiles reach beyond the matrix; what is there does not matter.
            dtype = config.format.acc_dtype
            inside = result_beats(np.ones(place.shape, dtype), config).view(dtype) != 0
            self._expected.put(place.region.address, result_beats(matrix, config), about,
                               np.repeat(inside.reshape(-1), dtype.itemsize))
            return
        encoded = encode_map(result, config)
        records, slot = tile_records(encoded, config), slot_bytes(config)
        count, beats = encoded.offsets.size - 1, np.diff(records.starts)
        slots = np.zeros((count, slot), np.uint8)
        for n, start in enumerate(records.starts[:-1]):
            data = records.data[start:start + beats[n]].reshape(-1)
            slots[n, :data.size] = data
        directory = place.directory
        occupied = np.diff(encoded.offsets).reshape(directory.rows, directory.k_tiles) > 0
        addresses = place.slots.address + slot * np.arange(count, dtype=np.int64)
        self._expected.put(place.slots.address, slots, f"records of {about}")
        self._expected.put(directory.address,
                           directory_bytes(directory, occupied, addresses, beats),
                           f"directory of {about}")
