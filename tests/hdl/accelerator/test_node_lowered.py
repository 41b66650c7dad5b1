"""Faults of programs whose A tiles come from the im2col unit."""

import numpy as np
from axi_memory import accelerator
from node_bench import NodeBench
from node_image import Convolution, Image

from dstc.accelerator.records import ENTRY, PROGRAM
from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv import ConvGeometry, Epilogue, convolution
from dstc.conv.featuremap import map_matrix
from dstc.conv.words import ConvErrorCode
from dstc.workloads import random_matrix


def test_faults():
    """Each, then the same program as good as new."""
    image = Image(accelerator(128), seed=8)
    rng, core = np.random.default_rng(8), image.config
    geometry = ConvGeometry(channels=4, height=3, width=4, outputs=5, kernel=(2, 2))
    x = random_matrix((4, 12), .8, core.element, rng).reshape(4, 3, 4)
    w = random_matrix((5, 16), .8, core.element, rng).reshape(5, 4, 2, 2)
    epilogue = Epilogue(relu=True, raw=False)
    job = Convolution(image, x, w, geometry, epilogue)
    program = job.program()
    gather, x_list = (image.word(program + 8 * PROGRAM[name].word) for name in ("gather", "x_list"))
    count = PROGRAM.unpack([image.word(program + 8 * n) for n in range(8)])["x_records"]
    entry = job.x.entry(1, 0)
    beats = ENTRY.unpack([image.word(entry)])["beats"]
    clean, bench = bytes(image.bytes), NodeBench(image, 2, timeout=500)

    for address, content, code, blamed in (
        # Longer than its bitmaps say: the beat behind it is noise.
        (entry + 5, ((beats + 1 << 4) + (entry_high(image, entry))).to_bytes(2, "little"),
         ConvErrorCode.FEATURE_RECORD, job.x.records[1]),
        (entry, (1 << 63).to_bytes(8, "little"), DeviceErrorCode.DIRECTORY, entry),
        (gather, b"\xFF", ConvErrorCode.GATHER_WORD, gather),
        # A record that no LDX takes.
        (program + 8 * PROGRAM["gather_words"].word + 4, (count + 1).to_bytes(4, "little"),
         DeviceErrorCode.LEFTOVER, job.x.records[0]),
        (x_list, (1 << 31).to_bytes(4, "little"), DeviceErrorCode.ADDRESS, None),
    ):
        first = (job.x.entry(0, 0) - job.x.address) // 8
        image.write(x_list + 4 * count, first.to_bytes(4, "little"))
        image.write(address, content)
        found = bench.fail(program)
        assert found[0] == code, (found, code)
        assert blamed is None or found[1] == blamed
        image.bytes[:] = clean
        bench.reset()
    bench.execute(program)
    wanted = map_matrix(convolution(x, w, geometry, epilogue, element=core.format))
    assert job.result_array.tobytes() == wanted.tobytes()


def entry_high(image, entry):
    """Bits 43:40 of the place in an entry: they share a byte with its length."""
    return image.word(entry) >> 40 & 0xF
