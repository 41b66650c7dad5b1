"""Components as Verilog with a manifest: emission, merging, lint and the cache of results."""

from .cache import build_folder, content_key, publish
from .emission import Emitted, Parameters, emit
from .linting import WAIVERS, lint
from .units import UNITS, emit_unit, make_unit
from .verilog import EmissionError

__all__ = ["UNITS", "WAIVERS", "EmissionError", "Emitted", "Parameters", "build_folder",
           "content_key", "emit", "emit_unit", "lint", "make_unit", "publish"]
