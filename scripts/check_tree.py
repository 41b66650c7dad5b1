"""Checks that no general linter knows: import direction, ``__all__``, sizes, local paths.

Usage: python scripts/check_tree.py
"""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {"dstc": "software/dstc", "dstc_hdl": "hdl/dstc_hdl", "dstc_sim": "sim/dstc_sim"}
# Each package may import itself and what stands to its left.
ORDER = ("dstc", "dstc_hdl", "dstc_sim")
MAX_FILE = 300
MAX_ELABORATE = 60
# A path of one machine, or the host of a package registry.
LOCAL = re.compile("/" + r"(?:work|root|farm|home)/[a-z.]|https?://[\w.-]*(?:pypi|python|debian|npm)"
                   r"[\w.-]*/")


def tracked() -> list[Path]:
    """Files under version control."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True,
                             text=True)
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


def check_imports(package: str, path: Path, tree: ast.AST) -> list[str]:
    """Absolute imports of packages to the right in ORDER, and the HDL library in software."""
    forbidden = set(ORDER[ORDER.index(package) + 1:])
    if package == "dstc":
        forbidden.add("amaranth")
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        found += [f"{path}:{node.lineno}: {package} must not import {name}"
                  for name in names if name.split(".")[0] in forbidden]
    return found


def check_public_names(package: str, folder: Path, path: Path) -> list[str]:
    """``__all__`` exists and names what the module has; a missing comma would merge two names."""
    if path.name == "__main__.py":
        return []
    parts = path.relative_to(folder).with_suffix("").parts
    name = ".".join([package, *(part for part in parts if part != "__init__")])
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        has_code = path.name != "__init__.py"
        return [f"{path}: has no __all__"] if has_code else []
    return [f"{path}: __all__ names {entry}, which the module does not have"
            for entry in module.__all__ if not hasattr(module, entry)]


def check_sizes(path: Path, text: str, tree: ast.AST) -> list[str]:
    """Long files and long ``elaborate`` methods."""
    found = []
    lines = text.count("\n")
    if lines > MAX_FILE:
        found.append(f"{path}: has {lines} lines, more than {MAX_FILE}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "elaborate":
            size = (node.end_lineno or node.lineno) - node.lineno
            if size > MAX_ELABORATE:
                found.append(f"{path}:{node.lineno}: elaborate has {size} lines, "
                             f"more than {MAX_ELABORATE}")
    return found


def main() -> int:
    """Run every check; the exit code is 1 if any found something."""
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path}: holds a local path or a registry's host: {match.group()}"
                  for match in LOCAL.finditer(text)]
        if path.suffix == ".py":
            found += check_sizes(path, text, ast.parse(text))
    for package, folder in SOURCES.items():
        base = ROOT / folder
        for path in sorted(base.rglob("*.py")):
            found += check_imports(package, path, ast.parse(path.read_text(encoding="utf-8")))
            found += check_public_names(package, base, path)
    for line in found:
        print(line.replace(f"{ROOT}/", ""))
    print(f"{len(found)} found" if found else "tree: imports, names, sizes and paths are in order")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
