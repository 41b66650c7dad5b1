"""One point of a sweep: the cycles of a workload on a configuration.

The same function runs in this process, in local processes and on the workers of a cluster.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dstc.config import Config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.skiprule import ohmma_counts
from dstc_hdl.accumulator import hazard_distance
from dstc_hdl.arith import MULTIPLIER_LATENCY
from dstc_hdl.core import QUEUE
from dstc_hdl.emit.cache import content_key, source_files
from dstc_hdl.operand_buffer import COUNTED

from ..cyclemodel import ModelCore
from ..cyclemodel.sampling import estimate_cycles
from ..runs import BINS
from .workload import Workload

__all__ = ["HARDWARE", "Task", "model_version", "parameters", "run_task"]


HARDWARE = {"accumulator.hazard_distance":
            [hazard_distance(SimpleNamespace(adder_latency=n)) for n in range(1, 5)],
            "arith.MULTIPLIER_LATENCY": MULTIPLIER_LATENCY, "core.QUEUE": QUEUE,
            "operand_buffer.COUNTED": COUNTED}
"""What the cycle model takes from the hardware; other changes there leave its cycles alone."""

OWN = ("cyclemodel/*.py", "runs.py", "stalls.py", "sweep/task.py", "sweep/workload.py",
       "cli/operands.py")
NEEDED = ("dstc.program", "dstc.skiprule", "dstc.workloads")


@cache
def model_version() -> str:
    """A hash of all that decides cycles besides configuration and workload.

    These are the sources of the cycle model, of programs and of workloads, the hardware's
    constants among them, and the version of numpy, which draws the random operands.
    """
    home = Path(__file__).parent.parent
    own = {path.relative_to(home).as_posix(): path.read_text(encoding="utf-8")
           for pattern in OWN for path in sorted(home.glob(pattern))}
    needed = {name: text for module in NEEDED for name, text in source_files(module).items()}
    return content_key(own, needed, HARDWARE, np.__version__)[:16]


def parameters(config: Config) -> dict[str, Any]:
    """What decides the hardware: all fields but name and status."""
    return {key: value for key, value in config.to_dict().items()
            if key not in ("name", "status")}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A workload on a configuration.

    Attributes
    ----------
    config : Config
    workload : Workload
    mode : str
        ``sparse`` or ``dense``.
    sample : int or None
        Output tiles of each product to simulate; all if None.
    version : str
        The cycle model that is asked for, of :func:`model_version`.
    """

    config: Config
    workload: Workload
    mode: str
    sample: int | None
    version: str

    def identity(self) -> dict[str, Any]:
        """What decides the result, in a form that JSON takes."""
        return {"config": parameters(self.config), "workload": self.workload.identity(),
                "mode": self.mode, "sample": self.sample, "model": self.version}

    @property
    def key(self) -> str:
        """A hash of :meth:`identity`."""
        return content_key(self.identity())


def run_task(task: Task) -> dict[str, Any]:
    """The costs of a task; the same on every machine.

    Returns
    -------
    dict
        ``cycles``, ``low`` and ``high`` (all equal when nothing was sampled, else the estimate
        and its 95 % interval), ``dense_cycles``, ``ohmma``, ``products`` (multiplications of two
        non-zeros) and ``bins`` (None when sampled); sums over the workload's products.

    Raises
    ------
    DstcError
        If this machine has another cycle model, or the products cannot be run.
    """
    if task.version != model_version():
        raise DstcError(f"Worker must have the cycle model {task.version} of the one who asks, "
                        f"not {model_version()}")
    parts = [_product(encode(a, "A", task.config), encode(b, "B", task.config), task)
             for a, b in task.workload.products(task.config)]
    total: dict[str, Any] = {key: sum(part[key] for part in parts) for key in parts[0]
                             if key != "bins"}
    total["bins"] = (None if task.sample is not None else
                     {name: sum(part["bins"][name] for part in parts) for name in BINS})
    return total


def _product(a: Any, b: Any, task: Task) -> dict[str, Any]:
    counts = ohmma_counts(a, b, task.config)
    if task.sample is None:
        job = gemm_job(a, b, config=task.config, mode=task.mode)
        run = ModelCore().run(job)
        run.require_all_of(job)
        cycles = low = high = run.cycles
        bins = {name: run.counters[name] for name in BINS}
    else:
        found = estimate_cycles(a, b, config=task.config, tiles=task.sample, mode=task.mode)
        cycles, low, high, bins = found.cycles, found.low, found.high, None
    executed = counts.executed if task.mode == "sparse" else counts.dense
    return {"cycles": cycles, "low": low, "high": high, "dense_cycles": counts.dense,
            "ohmma": executed, "products": counts.products, "bins": bins}
