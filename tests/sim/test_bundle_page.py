"""The driver of docs/bundle.md compiles without a warning, and does what it says."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dstc.accelerator.c_header import HEADER_NAME, header
from dstc.accelerator.parameters import BURST_BYTES
from dstc.accelerator.records import JOB, JOB_MAGIC
from dstc.accelerator.registers import SPACE_BYTES, DeviceErrorCode
from dstc_sim.bundle import BUNDLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "bundle.md").read_text(encoding="utf-8")
# A device whose registers are plain memory: CONTROL.clear is taken away by a signal.
MAIN = """
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile uint32_t registers[1024];

static void clear_ends(int number)
{
    (void)number;
    if (registers[DSTC_REG_CONTROL / 4] & DSTC_CONTROL_CLEAR_MASK)
        registers[DSTC_REG_CONTROL / 4] = 0;
    alarm(1);
}

static void show(const char *name, uint32_t offset)
{
    printf("%s %08x\\n", name, (unsigned)registers[offset / 4]);
}

int main(void)
{
    static uint8_t ring[4 * 64];
    struct dstc device = { registers, ring, 2, 0, 0 };
    struct dstc_job job;
    const char *error = "";
    uint64_t address = 0;
    int n;

    memset(&job, 0, sizeof job);
    signal(SIGALRM, clear_ends);
    printf("begin %d\\n", dstc_begin(&device, 0x12345678, 0, 0, 0));
    registers[DSTC_REG_ID / 4] = DSTC_IDENTIFICATION;
    registers[DSTC_REG_CONFIG_ID / 4] = 0x12345678;
    printf("begin %d\\n", dstc_begin(&device, 0x12345678, 0, 0, 0));
    registers[DSTC_REG_VERSION / 4] = (uint32_t)DSTC_VERSION_MAJOR << DSTC_VERSION_MAJOR_SHIFT;
    alarm(1);
    printf("begin %d\\n", dstc_begin(&device, 0x12345678, UINT64_C(0x1280000000),
                                     UINT64_C(0x1200000000), UINT64_C(0x12ffffffff)));
    show("RING_LO", DSTC_REG_RING_LO);
    show("RING_HI", DSTC_REG_RING_HI);
    show("RING_SIZE", DSTC_REG_RING_SIZE);
    show("WINDOW_FIRST_HI", DSTC_REG_WINDOW_FIRST_HI);
    show("WINDOW_LAST_LO", DSTC_REG_WINDOW_LAST_LO);
    show("IRQ_ENABLE", DSTC_REG_IRQ_ENABLE);
    show("CONTROL", DSTC_REG_CONTROL);
    for (n = 0; n < 5; n++) {
        job.program0 = 0x1000u * (unsigned)(n + 1);
        job.tag = (uint64_t)n;
        dstc_submit(&device, &job);
    }
    job.program0 = 1;
    printf("submit %d\\n", dstc_submit(&device, &job));
    show("TAIL", DSTC_REG_TAIL);
    for (n = 0; n < 256; n++)
        printf("%02x", ring[n]);
    registers[DSTC_REG_HEAD / 4] = 3;
    printf("\\npending %d\\n", dstc_pending(&device, &error, &address));
    registers[DSTC_REG_IRQ_STATUS / 4] = 2;
    dstc_interrupt(&device);
    registers[DSTC_REG_STATUS / 4] = 2;
    registers[DSTC_REG_ERROR / 4] = 0x0219;
    registers[DSTC_REG_ERROR_ADDRESS_HI / 4] = 7;
    n = dstc_pending(&device, &error, &address);
    printf("pending %d %x %s\\n", n, (unsigned)(address >> 32), error);
    printf("reasons %x\\n", (unsigned)device.reasons);
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_driver_in_c(tmp_path):
    blocks = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 1
    (tmp_path / HEADER_NAME).write_text(header(), encoding="ascii")
    (tmp_path / "driver.c").write_text("#define _POSIX_C_SOURCE 200809L\n" + blocks[0] + MAIN,
                                       encoding="ascii")
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic", "-o", "driver",
                    "driver.c"], check=True, cwd=tmp_path, timeout=60)
    done = subprocess.run([tmp_path / "driver"], check=True, capture_output=True, text=True,
                          timeout=20)
    jobs = [JOB.pack(magic=JOB_MAGIC, version=1, program0=0x1000 * (n + 1), program1=0,
                     program2=0, program3=0, tag=n) for n in range(5)]
    # The fifth took the place of the first.
    ring = np.concatenate([jobs[4], *jobs[1:4]]).astype("<u8").tobytes()
    assert done.stdout.splitlines() == [
        "begin -1", "begin -1", "begin 0", "RING_LO 80000000", "RING_HI 00000012",
        "RING_SIZE 00000002",
        "WINDOW_FIRST_HI 00000012", "WINDOW_LAST_LO ffffffff", "IRQ_ENABLE 00000003",
        "CONTROL 00000001", "submit -1", "TAIL 00000005", ring.hex(), "pending 2",
        f"pending -1 7 {DeviceErrorCode.TIMEOUT.meaning}", "reasons 2"]


def test_numbers_of_the_page():
    assert f"{SPACE_BYTES // 1024} KiB of addresses" in PAGE
    assert f"cross no multiple of {BURST_BYTES} bytes" in PAGE
    assert all(f"`{name}`" in PAGE for name in BUNDLES)
