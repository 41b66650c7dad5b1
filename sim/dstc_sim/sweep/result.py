"""The sweep: what is missing is run, everything is put together, the best are marked."""

import math
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from dstc.config import Config
from dstc.errors import DstcError

from .pareto import front
from .run import run_all
from .space import Space
from .store import Store
from .task import Task, model_version, parameters

__all__ = ["sweep"]


def sweep(space: Space, store: Store, executor: Callable[[], AbstractContextManager[Executor]],
          area: Callable[[Config], dict[str, Any] | None],
          tell: Callable[[str], None] = lambda sentence: None,
          advance: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
    """Cycles of every workload on every configuration, and the areas that are known.

    Parameters
    ----------
    space : Space
    store : Store
        What is in it is not run again; what is run is written to it at once.
    executor : callable
        Opens what runs tasks; not called when nothing is missing.
    area : callable
        Of a configuration, as :func:`.area.area_of`; called after the last task.
    tell : callable
        Gets sentences about damaged results.
    advance : callable
        Called with the number of tasks just done or found.

    Returns
    -------
    dict
        What ``dstc sweep --json`` prints (docs/sweep.md); it hangs on the space, the model and
        the areas alone, not on who ran what in which order.

    Raises
    ------
    DstcError
        If the workers are lost or the store cannot be written.
    """
    version = model_version()
    tasks = [Task(config=config, workload=workload, mode=space.mode, sample=space.sample,
                  version=version) for config in space.configs for workload in space.workloads]
    outcomes: dict[tuple[str, str], dict[str, Any] | DstcError] = {}
    missing = []
    for task in tasks:
        found = store.read(task, tell)
        if found is None:
            missing.append(task)
        else:
            outcomes[_place(task)] = found
    advance(len(outcomes))

    def finished(task: Task, outcome: dict[str, Any] | DstcError) -> None:
        if not isinstance(outcome, DstcError):
            store.write(task, outcome)
        outcomes[_place(task)] = outcome
        advance(1)

    if missing:
        with executor() as opened:
            run_all(missing, opened, finished)
    return _report(space, tasks, outcomes, {config.name: area(config)
                                            for config in space.configs})


def _place(task: Task) -> tuple[str, str]:
    return task.config.name, task.workload.name


def _report(space: Space, tasks: list[Task],
            outcomes: dict[tuple[str, str], dict[str, Any] | DstcError],
            areas: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    points: list[dict[str, Any]] = []
    failed = []
    for task in tasks:
        place = dict(zip(("config", "workload"), _place(task), strict=True))
        outcome = outcomes[_place(task)]
        if isinstance(outcome, DstcError):
            failed.append({**place, "reason": str(outcome)})
        else:
            points.append({**place, "key": task.key, **outcome,
                           "speedup": outcome["dense_cycles"] / outcome["cycles"]})
    known = [area for area in areas.values() if area is not None]
    clocks = bool(known) and all(area["fmax_mhz"] for area in known)
    configs = [_config(config, [point for point in points if point["config"] == config.name],
                       areas[config.name], len(space.workloads)) for config in space.configs]
    goal = "microseconds" if clocks else "cycles"
    for best in front([(row["area"]["area_um2"], row[goal]) if row["area"] and row["cycles"]
                       else None for row in configs]):
        configs[best]["pareto"] = True
    return {
        "model": model_version(), "numpy": np.__version__, "mode": space.mode,
        "sample": space.sample, "goal": goal, "configs": configs,
        "workloads": [{"name": workload.name, **workload.identity()}
                      for workload in space.workloads],
        "points": points, "refused": list(space.refused), "failed": failed,
        "without_area": [name for name, area in areas.items() if area is None]}


def _config(config: Config, points: list[dict[str, Any]], area: dict[str, Any] | None,
            workloads: int) -> dict[str, Any]:
    """A configuration with means over its workloads, None unless it has run them all."""
    whole = len(points) == workloads
    cycles = _mean([point["cycles"] for point in points]) if whole else None
    speedup = _mean([point["speedup"] for point in points]) if whole else None
    clock = area["fmax_mhz"] if area else None
    return {"config": config.name, "parameters": parameters(config), "area": area,
            "cycles": cycles, "speedup": speedup,
            "microseconds": cycles / clock if cycles and clock else None, "pareto": False}


def _mean(values: list[float]) -> float:
    """Geometric mean: every workload counts alike, however long it is."""
    return round(math.exp(sum(map(math.log, values)) / len(values)), 4)
