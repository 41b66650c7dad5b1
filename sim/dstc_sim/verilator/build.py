"""Building shared objects of verilated components, kept by a hash of everything that decides."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dstc_hdl.emit import Emitted, content_key, publish
from dstc_hdl.emit.tools import (
    find_verilator,
    verilator_environment,
    verilator_root,
    verilator_version,
)

from ..runs import SimulationError

__all__ = ["build_model", "storage_bytes"]

VERILATE = ("--cc", "-O3", "--no-assert", "--no-timing", "-Wno-fatal", "-Wno-lint",
            "--x-assign", "fast", "--x-initial", "fast", "--output-split", "20000")
COMPILE = ("-fPIC", "-std=gnu++17", "-w", "-fvisibility=hidden")
# Verilator puts what runs once into files named Slow.
FAST, SLOW = "-O1", "-O0"
# A big model runs long: with -O2 the paper core is 15 % faster and takes twice as long to compile.
BIG, BIG_BYTES = "-O2", 6_000_000
# What every file of a model includes first, most of the time to compile it.
HEADER = "Vtop__pch.h"
# Of a small model the headers are most of the text.
WHOLE_BYTES = 400_000
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
TRACE_RUNTIME = (*RUNTIME, "verilated_vcd_c.cpp")


def storage_bytes(width: int) -> int:
    """Bytes that a port of so many bits takes in a verilated model."""
    for size in (1, 2, 4, 8):
        if width <= 8 * size:
            return size
    return 4 * -(-width // 32)


def build_model(emitted: Emitted, harness: str, *, trace: bool = False, quick: bool = False
                ) -> Path:
    """The shared object of a component with a C++ harness.

    Parameters
    ----------
    emitted : Emitted
        The component; the model's class is ``Vtop``.
    harness : str
        C++ text with the functions to call.  Verilator's ``vl_fatal`` is left to it.
    trace : bool
        Whether the model can write a VCD file; that makes it slower.
    quick : bool
        Compile a big model as fast as a small one; it runs up to 15 % slower.

    Returns
    -------
    Path
        The shared object, from the cache when it has been built before.

    Raises
    ------
    SimulationError
        If Verilator or the compiler fails; the message holds the end of what it said.
    """
    flags = (*VERILATE, *(("--trace-vcd",) if trace else ()))
    version = verilator_version()
    key = content_key(emitted.sha256, harness, flags, COMPILE, (FAST, SLOW, BIG, BIG_BYTES),
                      version, *(("quick",) if quick else ()))

    def make(folder: Path) -> None:
        runtime = _runtime(trace)
        emitted.write(folder)
        (folder / "harness.cpp").write_text(harness, encoding="utf-8")
        _call([str(find_verilator()), *flags, "--top-module", emitted.name, "--prefix", "Vtop",
               "-Mdir", ".", f"{emitted.name}.v"], folder, "Verilator")
        _compile(_units(folder), folder, trace, big=FAST if quick else BIG)
        objects = sorted(path.name for path in folder.glob("*.o"))
        _call(["g++", "-shared", "-o", "model.so", *objects,
               *map(str, sorted(runtime.glob("*.o"))), "-pthread"], folder, "Linker")
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "model.so":
                path.unlink()

    return publish("verilated", key, make) / "model.so"


def _units(folder: Path) -> list[Path]:
    """What to compile: the files of a big model, or one file that includes a small one's."""
    sources = sorted(folder.glob("*.cpp"))
    if sum(path.stat().st_size for path in sources) > WHOLE_BYTES:
        return sources
    whole = folder / "whole.cpp"
    whole.write_text("".join(f'#include "{path.name}"\n' for path in sources), encoding="utf-8")
    return [whole]


def _runtime(trace: bool) -> Path:
    """Verilator's own runtime, compiled once for all models."""
    sources = TRACE_RUNTIME if trace else RUNTIME
    include = verilator_root() / "include"

    def make(folder: Path) -> None:
        _compile([include / name for name in sources], folder, trace, "-DVL_USER_FATAL")

    key = content_key(verilator_version(), sources, COMPILE, FAST)
    return publish("verilator-runtime", key, make)


def _compile(sources: Sequence[Path], folder: Path, trace: bool, *flags: str, big: str = BIG
             ) -> None:
    include = verilator_root() / "include"
    fast = big if sum(path.stat().st_size for path in sources) > BIG_BYTES else FAST
    common = ["g++", *COMPILE, *flags, f"-DVM_TRACE={int(trace)}", f"-DVM_TRACE_VCD={int(trace)}",
              f"-I{folder}", f"-I{include}", f"-I{include / 'vltstd'}"]

    def one(source: Path) -> None:
        level = SLOW if "Slow" in source.name else fast
        _call([*common, level, "-c", str(source), "-o", f"{source.stem}.o"], folder, "Compiler")

    def header(level: str) -> None:
        # A folder of precompiled headers holds one for each level; the compiler picks its own.
        _call([*common, level, "-x", "c++-header", HEADER, "-o", f"{HEADER}.gch/{level}"], folder,
              "Compiler")

    # Big files first, so that no long one is left at the end.
    ordered = sorted(sources, key=lambda path: path.stat().st_size, reverse=True)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        if len(sources) > 1 and (folder / HEADER).is_file():
            (folder / f"{HEADER}.gch").mkdir()
            list(pool.map(header, (fast, SLOW)))
        list(pool.map(one, ordered))


def _call(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, env=verilator_environment(), text=True,
                              capture_output=True, check=False)
    except FileNotFoundError:
        raise SimulationError(f"{what} cannot be started: {command[0]} is not installed") from None
    if done.returncode:
        raise SimulationError(f"{what} failed with code {done.returncode}: "
                              f"{(done.stderr or done.stdout).strip()[-2000:]}")
