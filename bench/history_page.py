"""The page docs/results/history.md."""

from typing import Any

__all__ = ["page"]

COLUMNS = (("area, um2", "area_um2", 0), ("without operand buffers", "without_operand_buffers_um2",
                                          0),
           ("over the dense twin", "over_dense_twin", 2), ("kGE", "kge", 1),
           ("fmax, MHz", "fmax_mhz", 1), ("dense twin's", "dense_twin_fmax_mhz", 1))


def page(history: dict[str, Any]) -> str:
    """The history as a page: areas and cycles point by point, then the units as they are now."""
    lines = ["# History", "", "Areas of whole cores, from [area.md](area.md) as it was; what was "
             "said in the change that made a point is beside it. Cycles are exact figures of the "
             "cycle model for 64x64x256.", "", "Made by `make history`.", ""]
    for config in dict.fromkeys(name for one in history["points"] for name in one["configs"]):
        lines += [f"## {config}", "", *_course(history["points"], config), ""]
    lines += ["## Small units", "", "Generic gates of at most three inputs, flip-flops, and gates "
              "on the longest path, by " + ", ".join(
                  f"{name} {version}" for name, version in history["tools"].items())
              + ". The tests compare these and the latest cycles.", "",
              "| unit | gates | flip-flops | depth | um2 |", "|---|--:|--:|--:|--:|"]
    for name, row in history["units"].items():
        lines.append(f"| {name} | {row['gates']:,} | {row['flip_flops']:,} | {row['depth']} "
                     f"| {_number(row.get('um2'), 1)} |")
    return "\n".join(lines) + "\n"


def _course(points: list[dict[str, Any]], config: str) -> list[str]:
    mine = [one for one in points if config in one["configs"]]
    lines = []
    if areas := [one for one in mine if "area_um2" in one["configs"][config]]:
        lines += ["| date | " + " | ".join(title for title, _, _ in COLUMNS) + " | what |",
                  "|---|" + "--:|" * len(COLUMNS) + "---|"]
        for one in areas:
            row = one["configs"][config]
            lines.append(f"| {one['date']} | " + " | ".join(
                _number(row.get(key), places) for _, key, places in COLUMNS)
                + f" | {one.get('what', '')} |")
        lines.append("")
    if runs := [one for one in mine if "cycles" in one["configs"][config]]:
        names = dict.fromkeys(name for one in runs for name in one["configs"][config]["cycles"])
        lines += ["| date | " + " | ".join(name.split(" ", 1)[1] for name in names) + " |",
                  "|---|" + "--:|" * len(names)]
        lines += [f"| {one['date']} | " + " | ".join(
            _number(one["configs"][config]["cycles"].get(name)) for name in names) + " |"
            for one in runs]
    return lines


def _number(value: float | None, places: int = 0) -> str:
    return "" if value is None else f"{value:,.{places}f}"
