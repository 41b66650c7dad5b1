"""A profile as text."""

from typing import Any

__all__ = ["headline", "layer_table", "notes", "short"]

MAX_NAME = 32


def short(number: float) -> str:
    """A count in at most five characters."""
    for unit in ("", "k", "M", "G", "T"):
        if number < 999.5 or unit == "T":
            digits = 0 if not unit or number >= 99.95 else 1 if number >= 9.995 else 2
            return f"{number:.{digits}f}{unit}"
        number /= 1000
    raise AssertionError


def headline(report: dict[str, Any]) -> list[str]:
    """What was profiled, on which core."""
    config = report["config"]
    lines = [f"{report['file']}: {len(report['layers'])} layers on {config['name']}, "
             f"{config['array_rows']} x {config['array_cols']} multipliers"]
    if report["kind"] == "model":
        shapes = ", ".join(f"{name} {'x'.join(map(str, shape)) or 'scalar'}"
                           for name, shape in report["input_shapes"].items())
        where = report["input"] or f"a made-up sample (seed {report['seed']}), not real data"
        lines.append(f"input: {shapes} from {where}")
    if report["pruned"] is not None:
        lines.append(f"weights pruned by magnitude to {report['pruned']:.0%} zeros in every layer: "
                     "the network's accuracy is unknown")
    return lines


def layer_table(report: dict[str, Any]) -> list[str]:
    """One line for each layer, and the totals."""
    sampled = report["totals"] is not None and report["totals"]["estimate"] is not None
    names = ("layer", "rows x columns x K", "A", "B", "MACs", "effect.", "dense", "B only",
             "A only", "dual", *(["sampled"] if sampled else []), "faster", "lanes", "limited by")
    rows = [names]
    for row in report["layers"]:
        shape = row["shape"]
        batch = f"{shape['batch']} * " if shape["batch"] > 1 else ""
        rows.append((_end(row["name"]), f"{batch}{shape['m']} x {shape['n']} x {shape['k']}",
                     *_figures(row, sampled), row["limit"]))
    if report["totals"] is not None:
        rows.append(("total", "", *_figures(report["totals"], sampled), ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(names) - 1
    return ["  ".join(text.ljust(width) if place in (0, last) else text.rjust(width)
                      for place, (text, width) in enumerate(zip(row, widths, strict=True))
                      ).rstrip() for row in rows]


def _end(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    return name if len(name) <= MAX_NAME else "..." + name[3 - MAX_NAME:]


def _figures(row: dict[str, Any], sampled: bool) -> list[str]:
    ohmma = row["ohmma"]
    return [f"{row['density']['a']:.0%}", f"{row['density']['b']:.0%}", short(row["macs"]),
            f"{row['effectual_macs'] / row['macs']:.1%}",
            *(short(ohmma[key]) for key in ("dense", "b_only", "a_only", "dual")),
            *([short(row["estimate"]["cycles"])] if sampled else []),
            f"{row['speedup']:.2f}x" if row["speedup"] else "-",
            f"{row['multiplier_utilization']:.0%}"]


def notes(report: dict[str, Any]) -> list[str]:
    """What else is to be said about the totals, and what runs on the host, one line each."""
    lines = []
    if report["totals"] is not None:
        ohmma = report["totals"]["ohmma"]
        lines += ["", f"OHMMA with the sides exchanged, B on the rows: {short(ohmma['swapped'])}; "
                      f"bound by effectual MACs: {short(ohmma['least'])}"]
        lines += _rivals(report["totals"]["rivals"])
    if report["skipped"]:
        lines += ["", f"not on the core ({len(report['skipped'])}), and not in the totals:",
                  *(f"  {one['op']} {one['name']}: {one['reason']}" for one in report["skipped"])]
    return lines


def _rivals(cycles: dict[str, int] | None) -> list[str]:
    """How much faster than a dense machine others are, all with as many multipliers."""
    if not cycles:
        return []
    from dstc.models import MODELS

    return ["faster than dense inner products, each with the better side on the rows: "
            + ", ".join(f"{MODELS[name].title} {cycles['dense'] / count:.2f}x"
                        for name, count in cycles.items() if name != "dense" and count)]
