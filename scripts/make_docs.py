"""Write the pages that are generated from the sources.

Usage: python scripts/make_docs.py [--check]

With --check nothing is written; the exit code is 1 if a page is not what the sources make.
"""

import sys
from pathlib import Path

from dstc import isa_doc
from dstc.accelerator import records_doc, registers_doc
from dstc.conv import words_doc

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {"isa.md": isa_doc.page, "convolution-words.md": words_doc.page,
         "registers.md": registers_doc.page, "memory.md": records_doc.page}


def main(arguments: list[str]) -> int:
    """Write or check every page."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not arguments:
            path.write_text(text, encoding="utf-8")
    if arguments and stale:
        print(f"docs: run `make docs` for {', '.join(stale)}")
        return 1
    print(f"docs: {', '.join(stale)} written" if stale else "docs: up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
