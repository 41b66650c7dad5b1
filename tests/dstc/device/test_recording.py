"""What a recorded driver leaves is all that a device needs."""

import numpy as np
import pytest
from device_bench import MEMORY, random_product
from reference_device import ReferenceDevice

from dstc import golden
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import register
from dstc.beats import result_beats
from dstc.config import get_config
from dstc.device import Device, RecordingBus
from dstc.device.recording import (
    ReadMemory,
    ReadRegister,
    WaitInterrupt,
    WriteMemory,
    WriteRegister,
)

TINY = get_config("tiny")


@pytest.mark.parametrize("cores", [1, 3])
def test_replay(cores):
    """The image and the register writes alone make a device compute the product."""
    accelerator = AcceleratorConfig(core=TINY, cores=cores)
    recorder = RecordingBus(accelerator)
    a, b, c = random_product(np.random.default_rng(7), (21, 30, 17), TINY)
    assert not Device(recorder, MEMORY).gemm(a, b, c).result.any()

    bus = ReferenceDevice(accelerator, MEMORY)
    image = recorder.image()
    assert [address for address, _ in image] == sorted({address for address, _ in image})
    for address, data in image:
        bus.write_memory(address, data)
    waits, found = 0, []
    for step in recorder.steps:
        if isinstance(step, WriteRegister):
            bus.write32(step.offset, step.value)
        elif isinstance(step, WaitInterrupt):
            waits += 1
            assert bus.wait_interrupt(0) and bus.get("HEAD") == step.head == 1
        elif isinstance(step, ReadMemory):
            found.append(bus.read_memory(step.address, step.size))
    assert waits == 1 and found == [result_beats(golden.matmul(a, b, c), TINY).tobytes()]


def test_steps_in_order():
    """Memory is written before the doorbell, looked at after the wait."""
    recorder = RecordingBus(AcceleratorConfig(core=TINY))
    device = Device(recorder, MEMORY, cycle_timeout=77)
    task = device.prepare_gemm(np.ones((1, 1), np.float16), np.ones((1, 1), np.float16))
    device.run(task)
    kinds = [type(step) for step in recorder.steps]
    doorbell = recorder.steps.index(WriteRegister(register("TAIL").offset, 1))
    wait = kinds.index(WaitInterrupt)
    assert max(n for n, kind in enumerate(kinds) if kind is WriteMemory) < doorbell < wait
    assert recorder.steps[0] == ReadRegister(0, 0x43545344)
    assert WriteRegister(register("TIMEOUT").offset, 77) in recorder.steps
    assert recorder.image()[0][0] == MEMORY.start


def test_polling_ends_too():
    recorder = RecordingBus(AcceleratorConfig(core=TINY))
    device = Device(recorder, MEMORY, interrupt=False)
    device.gemm(np.ones((1, 1), np.float16), np.ones((1, 1), np.float16))
    device.clear()
    assert not any(isinstance(step, WaitInterrupt) for step in recorder.steps)
