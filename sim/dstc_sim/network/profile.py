"""The profile of a network: the work of its layers on a core, layer by layer and in all."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from dstc.config import Config
from dstc.formats import encode
from dstc.network import (
    ConvWork,
    LayerCounts,
    MatMulWork,
    Skipped,
    add_counts,
    lane_factors,
    limit,
)

__all__ = ["Source", "profile_works"]

Work = ConvWork | MatMulWork


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is profiled, for the report.

    Attributes
    ----------
    file : str
    kind : str
        ``model`` or ``trace``.
    input : str or None
        File of the input; None for the sample input and for traces.
    input_shapes : dict
        Of a model's inputs.
    seed : int or None
        Of the sample input, or of sampled cycles.
    pruned : float or None
        Share of weights pruned by magnitude.
    """

    file: str
    kind: str
    input: str | None = None
    input_shapes: dict[str, list[int]] = field(default_factory=dict)
    seed: int | None = None
    pruned: float | None = None


def profile_works(works: Iterable[Work], config: Config, source: Source,
                  skipped: Iterable[Skipped] = (), *, sample: int | None = None, seed: int = 0,
                  rivals: bool = False, advance: Callable[[int], None] = lambda done: None
                  ) -> dict[str, Any]:
    """The profile.

    Parameters
    ----------
    works : iterable
        The layers' work, taken one after the other and not kept.
    config : Config
    source : Source
    skipped : iterable of Skipped
        What runs on the host.
    sample : int, optional
        Output tiles of each product to run on the cycle model; without it cycles are only
        bounded from below.
    seed : int
        Of the draw of these tiles.
    rivals : bool
        Also cycles on other machines (:data:`dstc.models.MODELS`).
    advance : callable
        Called with 1 after every layer.

    Returns
    -------
    dict
        What ``dstc profile --json`` prints (docs/networks.md).

    Raises
    ------
    DstcError
        If a layer cannot be sampled so.
    """
    rows, parts = [], []
    for work in works:
        counts = work.counts(config)
        estimate = None if sample is None else _estimate(work, config, sample, seed)
        rows.append({"name": work.name, "op": work.op, "shape": work.shape,
                     **_figures(counts, config, counts.cycles), "limit": limit(counts, config),
                     "lanes": lane_factors(counts, config) if counts.dual else None,
                     "estimate": estimate, "rivals": _rivals(work) if rivals else None})
        parts.append(counts)
        advance(1)
    totals = None
    if parts:
        totals = {**_figures(add_counts(parts), config, sum(part.cycles for part in parts)),
                  "estimate": _sum([row["estimate"] for row in rows]),
                  "rivals": _sum([row["rivals"] for row in rows])}
    return {**asdict(source), "config": config.to_dict(), "layers": rows, "totals": totals,
            "skipped": [asdict(one) for one in skipped]}


def _figures(counts: LayerCounts, config: Config, cycles: int) -> dict[str, Any]:
    def share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    return {
        "density": {"x": share(counts.x_nonzeros, counts.x_elements),
                    "a": share(counts.a_nonzeros, counts.a_elements),
                    "b": share(counts.b_nonzeros, counts.b_elements)},
        "tile_density": {"a": share(counts.a_occupied, counts.a_tiles),
                         "b": share(counts.b_occupied, counts.b_tiles)},
        "macs": counts.macs, "effectual_macs": counts.products,
        "ohmma": {"dense": counts.dense, "half": counts.half, "b_only": counts.b_only,
                  "a_only": counts.a_only, "dual": counts.dual, "swapped": counts.swapped,
                  "least": -(-counts.products // config.multipliers)},
        "multiplier_utilization": share(counts.products, counts.dual * config.multipliers),
        "at_least": {"cycles": cycles, "a_loads": counts.a_loads, "b_loads": counts.b_loads,
                     "tile_pairs": counts.pair_cycles, "drains": counts.drains},
        "speedup": counts.dense / cycles if cycles else None,
    }


def _estimate(work: Work, config: Config, sample: int, seed: int) -> dict[str, Any]:
    """Cycles of all products of a layer, by sampling each."""
    from dstc_sim.cyclemodel.sampling import estimate_cycles

    dtype = config.format.dtype
    found = [estimate_cycles(encode(a.astype(dtype), "A", config),
                             encode(b.astype(dtype), "B", config),
                             config=config, tiles=sample, seed=seed)
             for a, b in work.products()]
    return _sum([{"cycles": one.cycles, "low": one.low, "high": one.high, "sampled": one.sampled,
                  "tiles": one.tiles} for one in found]) or {}


def _rivals(work: Work) -> dict[str, Any]:
    """Cycles of a layer on other machines."""
    from dstc.models import fewest_cycles, work_operands

    return _sum([fewest_cycles(operands)[0] for operands in work_operands(work)]) or {}


def _sum(estimates: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Sums, of an interval's ends too: wide enough however the errors hang together."""
    present = [one for one in estimates if one is not None]
    if not present:
        return None
    return {key: sum(one[key] for one in present) for key in present[0]}
