"""The report of a run: picture, page, folder, and what is printed in the terminal."""

from .files import write
from .run import BIN_MEANINGS, Run, Subject
from .terminal import summary, verdict

__all__ = ["BIN_MEANINGS", "Run", "Subject", "summary", "verdict", "write"]
