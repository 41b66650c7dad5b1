"""The page docs/results/system.md."""

from typing import Any

__all__ = ["ALL", "page"]

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
LIMIT = 0.05
ALL = ["1x128", "2x128", "4x128", "1x64"]
"""Devices of the whole run: cores and bits of the memory port."""


def page(result: dict[str, Any]) -> str:
    """The tables of what has been measured."""
    rows = result["rows"]
    config = result["config"]
    lines = [
        "# The accelerator, from memory to memory", "",
        "Cycles of a job, its fetch and its last acknowledged write included, on the emitted "
        "Verilog; every",
        f"result is bit-exact.  The memory has a latency of {rows[0]['latency']} cycles and never "
        "waits.  Shares of",
        "bins are of the cycles of all cores.  *read*, *written*: bytes on the port, in whole "
        "beats.",
        "*encoded*: records of both operands, once.  *busy*: share of the cycles in which the port "
        "takes a beat",
        "that is read.  *bound*: what cannot be less, the OHMMA of the busiest core by the skip "
        "rule or the",
        "beats that are read or written, whichever is more.", "",
        f"Made by `{_command(result)}` with "
        + ", ".join(f"{name} {version}" for name, version in result["tools"].items())
        + f"; configuration `{config['name']}`: " + ", ".join(
            f"{key}={value}" for key, value in config.items() if key != "name") + ".", "",
        *_acceptance(rows), *_checked(result["checked"])]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        lines += ["## Square products" if kind == "square" else f"## {kind}", ""]
        for cores, port in dict.fromkeys((row["cores"], row["port_bits"]) for row in mine):
            lines += _table([row for row in mine if (row["cores"], row["port_bits"])
                             == (cores, port)], f"{cores} core{'s' * (cores > 1)}, {port} bits")
    lines += _scaling(rows)
    return "\n".join(lines)


def _command(result: dict[str, Any]) -> str:
    """What makes these figures."""
    trace, devices = result["trace"], result["devices"]
    if devices == ALL:
        return "make system" + (f" TRACE={trace}" if trace else "")
    name, sizes = result["config"]["name"], " ".join(map(str, result.get("sizes", ())))
    return ("python bench/system.py" + (f" --config {name}" if name != "paper" else "")
            + f" --devices {' '.join(devices)}" + (f" --sizes {sizes}" if sizes else "")
            + (f" --trace {trace}" if trace else ""))


def _share(row: dict[str, Any], name: str) -> float:
    return row["bins"][name] / sum(row["bins"].values())


def _acceptance(rows: list[dict[str, Any]]) -> list[str]:
    """The dense product that must not wait for operands."""
    found = [row for row in rows if (row["kind"], row["name"], row["density"], row["cores"],
                                     row["port_bits"]) == ("square", "256", 1.0, 1, 128)]
    lines = [f"A dense product of 256 x 256 x 256 on one core with 128 bits ({row['mode']} mode): "
             f"`operand_wait` {_share(row, 'operand_wait'):.1%}, `idle` "
             f"{_share(row, 'idle'):.1%}; the contract of less than {LIMIT:.0%} "
             + ("holds" if _share(row, "operand_wait") < LIMIT else "does not hold") + "."
             for row in found]
    return [*lines, ""] if lines else []


def _checked(checks: list[dict[str, Any]]) -> list[str]:
    lines = ["## Random stalls", "",
             "All channels wait at random, any latency up to twice the usual one, answers in any "
             "order.", "", "| configuration | cores | port | stall | products | layers | result |",
             "|---|--:|--:|--:|--:|--:|---|"]
    lines += [f"| {each['config']} | {each['cores']} | {each['port_bits']} | {each['stall']} | "
              f"{each['products']} | {each['layers']} | bit-exact |" for each in checks]
    return [*lines, ""]


def _table(rows: list[dict[str, Any]], title: str) -> list[str]:
    lines = [f"### {title}", "",
             "| product | density | cycles | " + " | ".join(BINS)
             + " | read | written | encoded | read / encoded | busy | bound | over |",
             "|---|---|--:|" + "--:|" * len(BINS) + "--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        density = (f"{row['density']:.2f}" if isinstance(row["density"], float)
                   else ", ".join(f"{each:.2f}" for each in row["density"]))
        name = row["name"] + (" dense mode" if row["mode"] == "dense" else "")
        lines.append(
            f"| {name} | {density} | {row['cycles']:,} | "
            + " | ".join(f"{_share(row, each):.1%}" for each in BINS)
            + f" | {row['read_bytes']:,} | {row['write_bytes']:,} | {row['encoded_bytes']:,} | "
            f"{row['read_bytes'] / row['encoded_bytes']:.2f} | "
            f"{row['port_utilization']['read']:.0%} | {row['bound']:,} {row['limit']} | "
            f"{row['over_bound']:.3f} |")
    if rows[0]["kind"] != "square":
        total, bound = (sum(row[key] for row in rows) for key in ("cycles", "bound"))
        lines += ["", f"All layers: {total:,} cycles, {total / bound:.3f} of the bound, "
                  f"{sum(row['read_bytes'] for row in rows):,} bytes read."]
    return [*lines, ""]


def _scaling(rows: list[dict[str, Any]]) -> list[str]:
    """How much faster more cores are."""
    wide = [row for row in rows if row["port_bits"] == 128]
    cores = list(dict.fromkeys(row["cores"] for row in wide))
    base = {_key(row): row["cycles"] for row in wide if row["cores"] == 1}
    if len(cores) < 2 or not base:
        return []
    lines = ["## More cores", "", "Times as fast as one core, behind the same port of 128 bits.",
             "", "| product | density | " + " | ".join(f"{n} cores" for n in cores[1:]) + " |",
             "|---|---|" + "--:|" * (len(cores) - 1)]
    found = {(row["cores"], _key(row)): row["cycles"] for row in wide}
    for row in wide:
        if row["cores"] == 1:
            density = (f"{row['density']:.2f}" if isinstance(row["density"], float)
                       else ", ".join(f"{each:.2f}" for each in row["density"]))
            lines.append(f"| {row['kind']} {row['name']}"
                         + (" dense mode" if row["mode"] == "dense" else "")
                         + f" | {density} | " + " | ".join(
                f"{base[_key(row)] / found[n, _key(row)]:.2f}" if (n, _key(row)) in found else ""
                for n in cores[1:]) + " |")
    return [*lines, ""]


def _key(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["kind"], row["name"], str(row["density"]), row["mode"]
