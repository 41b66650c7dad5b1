"""What a driver refuses, and what it says when a device fails; it works again afterwards."""

import numpy as np
import pytest
from device_bench import MEMORY, device_of, random_product
from reference_device import ReferenceDevice

from dstc import golden
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import DeviceErrorCode
from dstc.config import get_config
from dstc.conv import ConvGeometry, Epilogue
from dstc.conv.chain import ChainLayer
from dstc.device import Device, DeviceError, DeviceTimeout
from dstc.errors import DstcError
from dstc.formats import encode

TINY = get_config("tiny")


def bus_of(config=TINY, **options):
    changes = options.pop("changes", None)
    return ReferenceDevice(AcceleratorConfig(core=config, **options), MEMORY, changes=changes)


@pytest.mark.parametrize("changes, sentence", [
    ({"ID": 0xFFFFFFFF}, "Register ID must be 0x43545344, not 0xffffffff"),
    ({"VERSION": 0x201}, "Version of the device must be 1.x for this driver, not 2.1"),
    ({"CONFIG_ID": 7}, "Configuration of the device must be a named one (paper, paper-bf16, "
                       "paper-fp8-e4m3, paper-fp8-e5m2, paper-int8, small, tiny) or given, not "
                       "another with CONFIG_ID 0x00000007"),
    ({"CONFIG_ID": 7, "ARRAY": 0xFF000000}, "Configuration of the device must be a named one "),
    ({"CONFIG_ID": 7, "TILE": 0}, "Configuration of the device must be a named one "),
    ({"SYSTEM": 9 | 16 << 8 | 40 << 16}, "Accelerator cores must be from 1 to 4, not 9"),
])
def test_device_that_nobody_knows(changes, sentence):
    with pytest.raises(DstcError) as caught:
        Device(bus_of(changes=changes), MEMORY)
    assert str(caught.value).startswith(sentence)


def test_newer_minor_version_is_taken():
    assert Device(bus_of(changes={"VERSION": 0x103}), MEMORY).accelerator.core == TINY


def test_configuration_from_registers():
    """All that the registers do not tell is found by the checksum."""
    config = TINY.replace(name="mine", slots=3, collector_entries=7, adder_latency=4)
    found = Device(bus_of(config, cores=3, data_bits=64, address_bits=34), MEMORY).accelerator
    core = config.replace(name="device", status="experimental")
    assert found == AcceleratorConfig(core=core, cores=3, data_bits=64, address_bits=34)
    assert Device(bus_of(config), MEMORY, config=config).accelerator.core is config
    with pytest.raises(DstcError, match=r"^Configuration of the device must be tiny, not another "
                                        "with CONFIG_ID 0x"):
        Device(bus_of(config), MEMORY, config=TINY)


@pytest.mark.parametrize("memory", [range(0, 0), range(1 << 40, (1 << 40) + 4096),
                                    range(0, 4096, 2), range(-4096, 4096)])
def test_memory_out_of_reach(memory):
    with pytest.raises(DstcError, match=r"^Memory of the device must be a range of addresses below "
                                        r"0x10000000000, not range"):
        Device(bus_of(), memory)


def test_memory_too_small():
    with pytest.raises(DstcError, match=r"^Memory of the device must have 4096 bytes in one piece "
                                        r"for ring of jobs, not fewer of its 1000$"):
        Device(bus_of(), range(MEMORY.start, MEMORY.start + 1000))
    device = Device(bus_of(), range(MEMORY.start, MEMORY.start + 10000))
    a = np.ones((64, 64), np.float16)
    with pytest.raises(DstcError, match=r"^Memory of the device must have \d+ bytes in one piece "
                                        r"for records of A, not fewer of its 10000$"):
        device.gemm(a, a)
    small = np.ones((8, 4), np.float16)
    for _ in range(9):                      # everything was given back, and is every time
        assert device.gemm(small, small.T).result.tolist() == [[4] * 8] * 8


def test_operands_that_do_not_fit():
    device, _ = device_of()
    a, b, c = random_product(np.random.default_rng(1), (9, 10, 11), TINY)
    for wrong, sentence in (
            ((a, b[:10], c), "Columns of A must be as many as the 10 rows of B, not 11"),
            ((a, b, c[:8]), "C must be of shape (9, 10), not (8, 10)"),
            ((a, b, c.astype(np.float64)), "C must be of type float32, not float64"),
            ((a.astype(np.float32), b, c), "Matrix must be float16 for configuration tiny, "
                                           "not float32"),
            ((encode(b, "B", TINY), b, c), "Operands must be encoded as sides A and B, "
                                           "not B and B"),
            ((encode(a, "A", get_config("small")), b, c),
             "Operand A must be encoded in tiles of 8 x 4 fp16 for configuration tiny, not 16 x 8 "
             "fp16")):
        with pytest.raises(DstcError) as caught:
            device.gemm(*wrong)
        assert str(caught.value) == sentence
    with pytest.raises(DstcError, match=r"^Mode must be one of sparse, dense, not 'fast'$"):
        device.gemm(a, b, c, mode="fast")
    with pytest.raises(DstcError, match=r"^Operand must have from 1 to 65535 k-tiles, "
                                        r"not 65536$"):
        device.gemm(np.zeros((1, 1 << 18), np.float16), np.zeros((1 << 18, 1), np.float16))
    assert device.gemm(a, b, c).result.tobytes() == golden.matmul(a, b, c).tobytes()


def test_layers_that_do_not_fit():
    device, _ = device_of()
    geometry = ConvGeometry(channels=2, height=4, width=4, outputs=3, kernel=1)
    x, w = np.ones((2, 4, 4), np.float16), np.ones((3, 2, 1, 1), np.float16)
    for arrays, c, sentence in (
            ((x[:1], w), None, "Feature map must have the shape (2, 4, 4), not (1, 4, 4)"),
            ((x, w[:2]), None, "Convolution weights must have the shape (3, 2, 1, 1), "
                               "not (2, 2, 1, 1)"),
            ((x, w), np.zeros((3, 4), np.float32), "C must be of shape (3, 4, 4), not (3, 4)"),
            ((x.astype(np.int8), w), None, "Matrix must be float16 for configuration tiny, "
                                           "not int8")):
        with pytest.raises(DstcError) as caught:
            device.convolve(*arrays, geometry, Epilogue(), c=c)
        assert str(caught.value) == sentence
    with pytest.raises(DstcError, match=r"^Epilogue bias must have 3 values"):
        device.convolve(x, w, geometry, Epilogue(bias=np.zeros(2, np.float32)))
    layer = ChainLayer(name="a", x="b", w=w, geometry=geometry, epilogue=Epilogue())
    with pytest.raises(DstcError, match=r"^Layer a must take its feature map from an earlier "):
        device.run_chain([layer], "x", x)
    with pytest.raises(DstcError, match=r"^Layers of a chain must be at least one, not none$"):
        device.run_chain([], "x", x)
    assert device.convolve(x, w, geometry, Epilogue()).result.tolist() == [[[2] * 4] * 4] * 3


@pytest.mark.parametrize("code", list(DeviceErrorCode))
def test_error_says_what_lies_there(code):
    device, bus = device_of(cores=2)
    a, b, c = random_product(np.random.default_rng(2), (9, 10, 11), TINY)
    task = device.prepare_gemm(a, b, c)
    region = next(each for each in task.regions if each.name == "records of B")
    device.release(task)
    bus.failures.append((int(code), 1, region.address + 48))
    with pytest.raises(DeviceError) as caught:
        device.gemm(a, b, c)
    error = caught.value
    assert (error.code, error.core, error.address) == (code, 1, region.address + 48)
    assert error.meaning == code.meaning and error.thing == "records of B, byte 48"
    assert str(error) == (f"Core 1 must end without an error, not with code {int(code)} at address "
                          f"{region.address + 48:#x} in records of B, byte 48: {code.meaning}")
    assert device.gemm(a, b, c).result.tobytes() == golden.matmul(a, b, c).tobytes()


def test_error_in_fetching_a_job():
    device, bus = device_of()
    bus.failures.append((16, 255, 0))
    with pytest.raises(DeviceError, match=r"^Fetch of jobs must end without an error, not with "
                                          r"code 16 at address 0x0: the job ") as caught:
        device.gemm(np.ones((1, 1), np.float16), np.ones((1, 1), np.float16))
    assert caught.value.core is None and caught.value.thing is None


@pytest.mark.parametrize("interrupt", [False, True])
def test_device_that_hangs(interrupt):
    device, bus = device_of(interrupt=interrupt, timeout=0.05)
    one = np.ones((1, 1), np.float16)
    bus.hangs = True
    with pytest.raises(DeviceTimeout, match=r"^Device must end job 0 within 0\.05 s, not later$"):
        device.gemm(one, one)
    bus.hangs = False
    assert device.gemm(one, one).result == 1
    bus.stuck = True
    with pytest.raises(DeviceTimeout, match=r"^Device must clear its queue within 0\.05 s, "):
        device.clear()
    bus.stuck = False
    assert device.gemm(one, one).result == 1


def test_released_task():
    device, _ = device_of()
    one = np.ones((1, 1), np.float16)
    task = device.prepare_gemm(one, one)
    device.release(task)
    with pytest.raises(DstcError, match=r"^Task must have jobs, not have been released$"):
        device.run(task)


def test_interrupt_that_never_comes():
    """The registers are looked at all the same."""
    device, bus = device_of()
    bus.deaf = True
    one = np.ones((1, 1), np.float16)
    assert device.gemm(one, one).result == 1


def test_ring_goes_around():
    """More jobs than entries; counts of 16 bits wrap."""
    device, bus = device_of()
    task = device.prepare_gemm(np.ones((3, 2), np.float16), np.ones((2, 1), np.float16))
    queue, programs = device.queue, task.jobs["d"]
    for number in range(150):
        assert queue.submit(programs, tag=number << 40) == number
    queue.wait(149)
    assert queue.report().tag == 149 << 40
    for name in ("HEAD", "TAIL"):
        bus.set(name, 0xFFFE)
    queue._submitted = queue._ended = 0xFFFE
    for _ in range(5):
        queue.submit(programs)
    queue.wait()
    assert bus.get("HEAD") == 3
    assert device.read(task, "d").tolist() == [[2]] * 3


def test_ring_that_stays_full():
    device, bus = device_of(timeout=0.05)
    task = device.prepare_gemm(np.ones((3, 2), np.float16), np.ones((2, 1), np.float16))
    bus.hangs = True
    for _ in range(64):
        device.queue.submit(task.jobs["d"])
    with pytest.raises(DeviceTimeout, match=r"^Device must end job 0 within 0\.05 s, not later$"):
        device.queue.submit(task.jobs["d"])


def test_programs_for_cores_that_are_not_there():
    device, _ = device_of(cores=2)
    with pytest.raises(DstcError, match=r"^Programs of a job must be from 1 to 2, not 3$"):
        device.queue.submit([64, 128, 192])
    with pytest.raises(DstcError, match=r"^Field program0 of job must be a multiple of 64, "):
        device.queue.submit([65])


def test_counters():
    device, bus = device_of(cores=3)
    report = device.gemm(np.ones((48, 2), np.float16), np.ones((2, 1), np.float16)).report
    assert report.tag == 0 and report.cycles == 1001 and len(report.cores) == 3
    for core, counters in enumerate(report.cores):
        base = (core + 1) << 32
        assert counters.cycles == base and counters.write_beats == base + 9
        assert counters.bins == {"issue": base + 1, "conflict": base + 2,
                                 "operand_wait": base + 3, "drain": base + 4, "idle": base + 5}
    assert bus.wide("WINDOW_FIRST") == MEMORY.start and bus.wide("WINDOW_LAST") == MEMORY.stop - 1
