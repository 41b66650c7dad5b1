"""Area of a core beside the dense core with as many multipliers."""

import json
from typing import Any

from dstc.config import Config
from dstc.errors import DstcError

from ..sweep.area import COMMITTED

__all__ = ["area_ratio"]


def area_ratio(config: Config) -> dict[str, Any] | None:
    """What docs/results/area.json knows of a configuration.

    Returns
    -------
    dict or None
        ``ratio``, area of the core over that of its dense twin, operand buffers included, and
        ``source``; None for a configuration that is not in the table, or without the table, which
        the installed package does not have.

    Raises
    ------
    DstcError
        If the table cannot be read.
    """
    try:
        row = json.loads(COMMITTED.read_text(encoding="utf-8")).get(config.name)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DstcError(f"Areas in {COMMITTED} must be valid JSON: {error}") from None
    if row is None:
        return None
    return {"ratio": row["area_um2"] / row["dense_twin"]["area_um2"],
            "source": f"docs/results/area.json, target {row['target']}"}
