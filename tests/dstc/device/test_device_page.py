"""What docs/device.md shows runs as it stands there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reference_device import ReferenceDevice

from dstc.accelerator.c_header import HEADER_NAME, header
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "device.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|c)\n(.*?)```", PAGE, re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
MEMORY = range(0x8000_0000, 0x8100_0000)


class StrictDevice(ReferenceDevice):
    """Where there is no program there is an error."""

    def work(self):
        tail, head = self.get("TAIL"), self.get("HEAD")
        if tail != head:
            entry = self.wide("RING") + 64 * (head % (1 << self.get("RING_SIZE")))
            program = int.from_bytes(self.read_memory(entry + 8, 8), "little")
            if self.read_memory(program, 4) != b"DSTP":
                self.failures.append((17, 0, program))
        super().work()


def test_python(capsys):
    """All blocks in one go, the transport of a board left aside."""
    accelerator = AcceleratorConfig(core=get_config("tiny"), cores=2)
    names = {"bus": StrictDevice(accelerator, MEMORY)}
    for block in PYTHON[1:]:
        exec(compile(block, "device.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tiny-x2-128" and lines[3] == "(40, 24)"
    assert lines[-1].startswith("Core 0 must end without an error, not with code 17 at address ")
    assert len(PYTHON) == 5 and len(lines) == 6


def test_transport(tmp_path):
    """The bus of a board on plain files."""
    registers, memory = tmp_path / "uio", tmp_path / "memory"
    registers.write_bytes(bytes(range(256)) * 16)
    memory.write_bytes(bytes(1 << 16))
    names = {}
    exec(compile(PYTHON[0], "device.md", "exec"), names)
    bus = names["MappedBus"](registers, memory, 0x4000_0000, 1 << 16)
    assert bus.read32(4) == 0x07060504
    bus.write32(8, 0x12345678)
    assert registers.read_bytes()[8:12] == bytes([0x78, 0x56, 0x34, 0x12])
    bus.write_memory(0x4000_0010, b"abc")
    assert memory.read_bytes()[16:19] == b"abc" and bus.read_memory(0x4000_0011, 2) == b"bc"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_c(tmp_path):
    """The function finds its job done, and sees the error of the next one."""
    (tmp_path / HEADER_NAME).write_text(header(), encoding="ascii")
    function, = (text for language, text in BLOCKS if language == "c")
    (tmp_path / "job.c").write_text(function + """
int main(void)
{
    static volatile uint32_t registers[1024];
    static uint8_t ring[64 * 4];
    struct dstc_job job = { .program0 = 0x1000, .tag = 7 };
    registers[DSTC_REG_HEAD / 4] = 7;
    registers[DSTC_REG_ERROR / 4] = 0x0111;
    if (run_job(registers, ring, 2, 6, &job) != 0 || registers[DSTC_REG_TAIL / 4] != 7)
        return 1;
    if (ring[128] != 'D' || ring[137] != 0x10 || ring[128 + 40] != 7 || ring[0] || ring[192])
        return 2;
    registers[DSTC_REG_STATUS / 4] = DSTC_STATUS_ERROR_MASK;
    if (run_job(registers, ring, 2, 7, &job) != DSTC_ERROR_PROGRAM)
        return 3;
    job.program1 = 1;
    return run_job(registers, ring, 2, 8, &job) == -1 ? 0 : 4;
}
""", encoding="ascii")
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic", "-o",
                    tmp_path / "job", tmp_path / "job.c"], check=True, capture_output=True,
                   timeout=60)
    subprocess.run([tmp_path / "job"], check=True, timeout=10)
