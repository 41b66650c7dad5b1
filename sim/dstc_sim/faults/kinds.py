"""The classes of faults."""

from collections.abc import Callable, Iterator

from .bus_kinds import clears, read_errors, resets, timeouts, word_lists, words, write_errors
from .catalogue import Maker, Workbench
from .data_kinds import addresses, directories, records, warp_bitmaps, windows
from .program_kinds import instructions, job_headers, program_headers

__all__ = ["KINDS"]

KINDS: dict[str, Callable[[Workbench], Iterator[Maker]]] = {
    "job header": job_headers,
    "program header": program_headers,
    "instruction": instructions,
    "directory entry": directories,
    "warp bitmap": warp_bitmaps,
    "record": records,
    "word list": word_lists,
    "word": words,
    "address": addresses,
    "window": windows,
    "read error": read_errors,
    "write error": write_errors,
    "timeout": timeouts,
    "reset": resets,
    "clear": clears,
}
"""Name of each class and what makes every fault of it that a scenario can get."""
