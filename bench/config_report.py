"""The command line of reports that measure named configurations one after the other."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path


def report_configs(description: str, measure: Callable[[str, str], dict],
                   page: Callable[[list[dict]], str],
                   plot: Callable[[list[dict], Path], None]) -> None:
    """Measure every configuration that is asked for, print the page, write what is asked for.

    Parameters
    ----------
    description : str
        One sentence for ``--help``.
    measure : callable
        The result of a configuration's name and a target's.
    page, plot : callable
        Text of all results, and their picture into a file.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", nargs="+", default=["small", "paper"])
    parser.add_argument("--target", default="asic45")
    for name in ("--json", "--markdown", "--plot"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    results = [measure(name, arguments.target) for name in arguments.config]
    text = page(results)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)
    if arguments.plot:
        plot(results, arguments.plot)
