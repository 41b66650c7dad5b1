"""The report of a run: picture, page, folder, and what is printed in the terminal."""

from .files import write
from .run import Run, Subject
from .terminal import summary, verdict

__all__ = ["Run", "Subject", "summary", "verdict", "write"]
