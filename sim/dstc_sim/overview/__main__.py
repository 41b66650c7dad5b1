"""Usage: python -m dstc_sim.overview -o FOLDER [--results FOLDER]"""

import argparse
import sys
from pathlib import Path

from dstc.errors import DstcError

from .folder import build


def main() -> int:
    """Build the pages."""
    parser = argparse.ArgumentParser(description="Build the report.")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/report"))
    parser.add_argument("--docs", type=Path, default=Path("docs"),
                        help="Folder with machine.svg and results/.")
    arguments = parser.parse_args()
    try:
        page = build(arguments.out, arguments.docs)
    except (DstcError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    print(f"{page}: the report; open it in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
