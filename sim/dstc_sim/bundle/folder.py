"""Writing a bundle."""

import json
from collections.abc import Mapping
from pathlib import Path

from dstc import isa_doc
from dstc.accelerator import c_header, records_doc, registers_doc
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import register
from dstc.config import Config
from dstc.conv import words_doc
from dstc.errors import DstcError
from dstc.fileio import atomic_write
from dstc_hdl.emit import Emitted, emit_unit

from ..sample import write_sample
from .readme import accelerator_readme, core_readme
from .recorder import Vectors, base_address
from .register_map import register_map
from .script import script_text
from .scripts import accelerator_script, core_script
from .vectors import make_vectors

__all__ = ["BUNDLES", "write_bundle"]

BUNDLES = ("accelerator", "core", "stream_core")
"""Units that have a bundle."""
CYCLE_LIMIT = 200_000
"""Cycles that the bench waits for anything."""
SHOWN = ("ERROR", "ERROR_ADDRESS_LO", "ERROR_ADDRESS_HI", "JOB_CYCLES_LO", "JOB_CYCLES_HI")
"""Registers that the bench reads on its own."""


def write_bundle(folder: Path, unit: str, parameters: Config | AcceleratorConfig, seed: int
                 ) -> tuple[Emitted, list[Path]]:
    """Write Verilog, manifest, documents, test vectors and a self-checking bench.

    The bench runs by ``sh run.sh``, which needs a shell and Icarus Verilog.  The same arguments
    give the same bytes.

    Parameters
    ----------
    folder : Path
        Made when missing; files of the same names are replaced.
    unit : str
        One of :data:`BUNDLES`.
    parameters : Config or AcceleratorConfig
        An ``AcceleratorConfig`` for the accelerator.
    seed : int
        Of the operands in the test vectors.

    Returns
    -------
    emitted : Emitted
    files : list of Path

    Raises
    ------
    DstcError
        If the unit has no bundle.
    """
    if unit not in BUNDLES:
        raise DstcError(f"Unit of a bundle must be one of {', '.join(BUNDLES)}, not {unit!r}")
    emitted, _ = emit_unit(unit, parameters)
    files = list(emitted.write(folder))
    if isinstance(parameters, AcceleratorConfig):
        texts = _accelerator_texts(emitted, parameters, seed)
    else:
        files += write_sample(folder, emitted, parameters, seed)
        texts = {"run.sh": core_script(f"{emitted.name}.v"),
                 "isa.md": isa_doc.page(),
                 "README.txt": core_readme(emitted, parameters)}
    return emitted, [*files, *_write(folder, texts)]


def _accelerator_texts(emitted: Emitted, accelerator: AcceleratorConfig, seed: int
                       ) -> dict[str, str]:
    vectors = make_vectors(accelerator, seed)
    here = Path(__file__).parent
    texts = {
        "README.txt": accelerator_readme(emitted, accelerator, vectors),
        "registers.md": registers_doc.page(),
        "registers.json": json.dumps(register_map(accelerator), indent=2) + "\n",
        "memory.md": records_doc.page(),
        "convolution-words.md": words_doc.page(),
        c_header.HEADER_NAME: c_header.header(),
        "run.sh": accelerator_script(f"{emitted.name}.v", [each.name for each in vectors]),
        "bench.v": (here / "accelerator_bench.v").read_text(encoding="ascii"),
        "axi4_memory.v": (here / "axi4_memory.v").read_text(encoding="ascii"),
        "parameters.vh": _parameters(accelerator, vectors),
    }
    for each in vectors:
        texts |= {f"vectors/{each.name}/memory.hex": each.memory.text(zeros=False),
                  f"vectors/{each.name}/expected.hex": each.expected.text(zeros=True),
                  f"vectors/{each.name}/script.hex": script_text(each.script)}
    return texts


def _parameters(accelerator: AcceleratorConfig, vectors: list[Vectors]) -> str:
    """``parameters.vh``: what the bench has to know, large enough for all vectors."""
    base = base_address(accelerator)
    stop = max(address + size for each in vectors for image in (each.memory, each.expected)
               for address, size in image.pieces)
    numbers = {"DATA_BITS": f"{accelerator.data_bits}",
               "ADDRESS_BITS": f"{accelerator.address_bits}",
               "DEPTH": f"{-(-(stop - base) // accelerator.data_bytes)}",
               "SCRIPT_LINES": f"{max(len(each.script) for each in vectors) + 1}",
               "LIMIT": f"{CYCLE_LIMIT}"}
    lines = [f"localparam {name} = {value};" for name, value in numbers.items()]
    lines.append(f"localparam [63:0] BASE = 64'h{base:x};")
    lines += [f"localparam [11:0] REG_{name} = 12'h{register(name).offset:03x};"
              for name in SHOWN]
    return "".join(f"{line}\n" for line in lines)


def _write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    paths = []
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(text.encode())
        if path.suffix == ".sh":
            path.chmod(0o755)
        paths.append(path)
    return paths
