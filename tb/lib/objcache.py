"""Compile Verilator's runtime once instead of once per bench.

Verilator's make file puts the variable ``OBJCACHE`` in front of every call of the compiler.
Usage: objcache.py FOLDER COMPILER ARGUMENTS... ; a source under Verilator's ``include`` is taken
from the folder if it was compiled with the same arguments before, anything else is compiled.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["main"]


def main(folder: str, *command: str) -> int:
    """Run the compiler, or copy what it made earlier; gives its exit code."""
    source, target = command[-1], command[command.index("-o") + 1] if "-o" in command else ""
    if not target or not re.search(r"/include/verilated\w*\.cpp$", source):
        return subprocess.run(command, check=False).returncode
    version = subprocess.run([command[0], "--version"], capture_output=True, check=True).stdout
    kept = Path(folder) / hashlib.sha256("\0".join(command).encode() + version).hexdigest()
    if not kept.is_file():
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=kept.parent)
        os.close(handle)
        shutil.copyfile(target, fresh)
        os.replace(fresh, kept)
    shutil.copyfile(kept, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
