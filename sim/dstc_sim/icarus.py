"""The emitted core in Icarus Verilog: slow, but it knows X and Z."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc_hdl.emit import Emitted, content_key, publish
from dstc_hdl.emit.tools import find_icarus, icarus_version

from .runs import (
    MAX_CYCLES,
    QUIET_LIMIT,
    STREAMS,
    CoreJob,
    CoreRun,
    Ending,
    Outcome,
    SimulationError,
    Stall,
    Status,
    unpack_counters,
)
from .verilog_bench import bench_text, plus_arguments, totals_of, write_inputs

__all__ = ["IcarusCore"]

SMALLEST_DEPTH = 1024


class IcarusCore:
    """A core, or anything with exactly its ports, in Icarus Verilog.

    Parameters
    ----------
    emitted : Emitted
        The core.
    config : Config
        Gives the widths of the beats.
    trace : Path, optional
        VCD file to write.

    Raises
    ------
    DstcError
        If Icarus Verilog is not installed.
    """

    def __init__(self, emitted: Emitted, config: Config, *, trace: Path | None = None) -> None:
        self._emitted = emitted
        self._config = config
        self._trace = trace
        find_icarus()

    def run(self, job: CoreJob, *, stall: Stall | None = None, max_cycles: int = MAX_CYCLES,
            quiet_limit: int = QUIET_LIMIT) -> CoreRun:
        """As :meth:`dstc_sim.runs.CoreSimulator.run`.

        Raises
        ------
        SimulationError
            Also if an output that means something is X or Z.
        """
        program = self._program(max(totals_of(job).values()))
        arguments = plus_arguments(job, stall or Stall(), max_cycles, quiet_limit)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_inputs(folder, job)
            started = time.perf_counter()
            _call(["vvp", "-n", str(program), *arguments], folder)
            seconds = time.perf_counter() - started
            if self._trace:
                shutil.move(folder / "trace.vcd", self._trace)
            end = dict(line.split(" ", 1) for line
                       in (folder / "end.txt").read_text(encoding="ascii").splitlines())
            if end["outcome"].startswith("unknown"):
                raise SimulationError(_unknown(end))
            ending = _ending(end)
            ending.check(job, quiet_limit)
            beats = _read_beats(folder / "d.hex", self._config)
        return CoreRun(d_data=beats[:, :-1].copy(), d_last=beats[:, -1].astype(np.bool_),
                       status=ending.status, counters=unpack_counters(int(end["counters"], 2)),
                       taken=dict(zip(STREAMS[:-1], ending.moved, strict=False)),
                       clock_cycles=ending.cycles, seconds=seconds)

    def close(self) -> None:
        """As :meth:`dstc_sim.runs.CoreSimulator.close`; every run ends by itself."""

    def _program(self, beats: int) -> Path:
        """The compiled bench, from the cache when there is one with memories of that size."""
        depth = max(SMALLEST_DEPTH, 1 << (beats - 1).bit_length() if beats else 0)
        text = bench_text(self._emitted.name, self._config, depth, trace=self._trace is not None)
        key = content_key(self._emitted.sha256, text, icarus_version())

        def make(folder: Path) -> None:
            verilog, _ = self._emitted.write(folder)
            (folder / "bench.v").write_text(text, encoding="ascii")
            _call([str(find_icarus()), "-g2005", "-s", "bench", "-o", "bench.vvp", "bench.v",
                   verilog.name], folder)

        return publish("icarus", key, make) / "bench.vvp"


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SimulationError(f"Icarus Verilog failed with code {done.returncode}: "
                              f"{(done.stderr or done.stdout).strip()[-2000:]}")


def _unknown(end: dict[str, str]) -> str:
    """The message for an X: which port, when."""
    if end["outcome"] == "unknown_data":
        port = "d.payload"
    else:
        suspects = {"status": end["status"], "counters": end["counters"],
                    **{f"{name}.valid" if name == "d" else f"{name}.ready":
                       end[name].split()[1][1 if name == "d" else 0] for name in STREAMS}}
        port = next(name for name, bits in suspects.items() if re.search("[xz]", bits))
    return f"Output {port} must be 0 or 1, not X or Z, in cycle {end['cycles']}"


def _ending(end: dict[str, str]) -> Ending:
    streams = [end[name].split() for name in STREAMS]
    handshakes = (bits.translate(str.maketrans("xz", "00")) for _, bits in streams)
    return Ending(outcome=Outcome[end["outcome"].upper()], cycles=int(end["cycles"]),
                  status=Status.unpack(int(end["status"], 2)),
                  moved=tuple(int(moved) for moved, _ in streams),
                  handshakes=tuple(int(bits, 2) for bits in handshakes))


def _read_beats(path: Path, config: Config) -> NDArray[np.uint8]:
    """Payload bytes, least significant first; the last column is ``last``."""
    size = config.c_beat_bits // 8
    # The top bit makes a digit of its own.
    text = "".join(f"0{line}" for line in path.read_text(encoding="ascii").split())
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, size + 1)[:, ::-1]
