"""The space of a sweep: which configurations, which workloads."""

import itertools
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dstc.config import CONFIGS, Config, get_config
from dstc.errors import DstcError
from dstc.fileio import existing_file
from dstc.program import MODES

from ..cli.common import parse_shape
from .files import file_workloads
from .task import parameters
from .workload import PATTERNS, RandomWorkload, Workload

__all__ = ["KINDS", "Space", "make_space", "read_space"]

KEYS = ("base", "vary", "mode", "sample", "workload")
KINDS = {"shape": ("shape", "density", "pattern", "seed"), "trace": ("trace", "layers"),
         "network": ("network", "input", "layers"), "a": ("a", "b")}
"""What a workload has, by what makes it one of its kind."""
MAX_CONFIGS, MAX_WORKLOADS = 10_000, 1_000
FEWEST_TILES = 24
VARIABLE = {field.name: field.type for field in fields(Config)
            if field.name not in ("name", "status")}


@dataclass(frozen=True, kw_only=True)
class Space:
    """Configurations times workloads.

    Attributes
    ----------
    configs : tuple of Config
        No two with the same parameters.
    refused : tuple of dict
        Combinations that no configuration can have: ``config``, the name it would have, and
        ``reason``, one sentence.
    workloads : tuple of Workload
        No two with the same name.
    mode : str
        ``sparse`` or ``dense``.
    sample : int or None
        Output tiles of each product to simulate; all if None.
    """

    configs: tuple[Config, ...]
    refused: tuple[dict[str, str], ...]
    workloads: tuple[Workload, ...]
    mode: str
    sample: int | None


def read_space(path: Path) -> Space:
    """The space that a ``.toml`` or ``.json`` file describes; its files are beside it.

    Raises
    ------
    DstcError
        As :func:`make_space`, or if the file cannot be read.
    """
    file = existing_file(path)
    try:
        text = file.read_text(encoding="utf-8")
        described = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise DstcError(f"Space {path} must be valid {kind}: {error}") from None
    if not isinstance(described, dict):
        raise DstcError(f"Space {path} must be an object, not a {type(described).__name__}")
    return make_space(described, path.parent)


def make_space(described: Mapping[str, Any], folder: Path) -> Space:
    """The space of a description.

    Parameters
    ----------
    described : mapping
        ``base``: names of configurations.  ``vary``: parameter to its values; every combination
        is applied to every base.  ``workload``: list of mappings, each with ``shape`` and
        ``density`` (``pattern`` and ``seed``), or ``trace`` (``layers``), or ``network`` and
        ``input`` (``layers``), or ``a`` and ``b``.
        ``mode`` and ``sample``: as in :class:`Space`.
    folder : Path
        Where relative names of files start.

    Raises
    ------
    DstcError
        If something in it cannot be understood, a file cannot be read, or it is too large.
    """
    _known("Space", described, KEYS)
    mode, sample = described.get("mode", "sparse"), described.get("sample")
    if mode not in MODES:
        raise DstcError(f"Mode must be one of {', '.join(MODES)}, not {mode!r}")
    if sample is not None and (type(sample) is not int or sample < FEWEST_TILES):
        raise DstcError(f"Sample must have at least {FEWEST_TILES} output tiles, not {sample!r}")
    configs, refused = _configs(_list(described.get("base", ["paper"])),
                                described.get("vary", {}))
    entries = _list(described.get("workload", []))
    workloads = [workload for entry in entries for workload in _workloads(entry, folder)]
    if not 0 < len(workloads) <= MAX_WORKLOADS:
        raise DstcError(f"Space must have from 1 to {MAX_WORKLOADS} workloads, "
                        f"not {len(workloads)}")
    unique = {workload.name: workload for workload in workloads}
    if len(unique) < len(workloads):
        twice = next(one.name for one in workloads if unique[one.name] is not one)
        raise DstcError(f"Workloads must have different names, not {twice!r} twice")
    return Space(configs=configs, refused=refused, workloads=tuple(workloads), mode=mode,
                 sample=sample)


def _known(thing: str, described: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(described, Mapping):
        raise DstcError(f"{thing} must be an object, not {described!r}")
    for key in described:
        if key not in keys:
            raise DstcError(f"{thing} must have only {', '.join(keys)}, not {key!r}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _configs(bases: list[Any], vary: Any) -> tuple[tuple[Config, ...], tuple[dict[str, str], ...]]:
    """Every base with every combination; the same parameters are taken once."""
    _known("Vary", vary, tuple(VARIABLE))
    values = [_list(one) for one in vary.values()]
    count = len(bases)
    for name, one in zip(vary, values, strict=True):
        if not one:
            raise DstcError(f"Vary {name} must have at least one value, not none")
        count *= len(one)
    if not 0 < count <= MAX_CONFIGS:
        raise DstcError(f"Space must have from 1 to {MAX_CONFIGS} configurations, not {count}")
    found: dict[str, Config] = {}
    refused: dict[str, str] = {}
    for base, chosen in itertools.product(bases, itertools.product(*values)):
        changes = dict(zip(vary, chosen, strict=True))
        name = "-".join([str(base), *(f"{key}-{value}" for key, value in changes.items())])
        try:
            config = get_config(base).replace(**changes)
        except DstcError as error:
            if base not in CONFIGS:
                raise
            refused[name] = str(error)
            continue
        found.setdefault(json.dumps(parameters(config)), _named(config, name))
    if not found:
        raise DstcError("Space must have at least one configuration that can be built, not only "
                        f"such as {next(iter(refused))}: {next(iter(refused.values()))}")
    return tuple(found.values()), tuple({"config": name, "reason": reason}
                                        for name, reason in refused.items())


def _named(config: Config, name: str) -> Config:
    """The named configuration of these parameters, or one of that name."""
    for known in CONFIGS.values():
        if parameters(known) == parameters(config):
            return known
    return config.replace(name=name, status="experimental")


def _workloads(entry: Any, folder: Path) -> list[Workload]:
    _known("Workload", entry, tuple(dict.fromkeys(itertools.chain(*KINDS.values()))))
    kind = next((kind for kind in KINDS if kind in entry), None)
    if kind is None:
        raise DstcError("Workload must have a shape, a trace, a network, or files a and b, not "
                        f"{', '.join(entry) or 'nothing'}")
    _known("Workload of files" if kind == "a" else f"Workload of a {kind}", entry, KINDS[kind])
    if kind != "shape":
        return file_workloads(entry, folder)
    shapes = [parse_shape(str(text)) for text in _list(entry["shape"])]
    densities = [_densities(text) for text in _list(entry.get("density", "0.5x0.5"))]
    patterns, seeds = _list(entry.get("pattern", "iid")), _list(entry.get("seed", 0))
    for pattern in patterns:
        if pattern not in PATTERNS:
            raise DstcError(f"Pattern must be one of {', '.join(PATTERNS)}, not {pattern!r}")
    for seed in seeds:
        if type(seed) is not int or seed < 0:
            raise DstcError(f"Seed must be an integer from 0, not {seed!r}")
    return [RandomWorkload(shape=shape, density=density, pattern=pattern, seed=seed)
            for shape, density, pattern, seed
            in itertools.product(shapes, densities, patterns, seeds)]


def _densities(text: Any) -> tuple[float, float]:
    """Of A and B, from ``0.25x0.5`` or one number for both."""
    parts = str(text).split("x")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise DstcError("Densities must be two numbers like 0.25x0.5, or one for both, "
                        f"not {text!r}")
    for number in numbers:
        if not 0 <= number <= 1:
            raise DstcError(f"Density must be from 0 to 1, not {number:g}")
    return numbers[0], numbers[-1]
