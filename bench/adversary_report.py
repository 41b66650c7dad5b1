"""The page docs/results/adversary.md."""

from typing import Any

__all__ = ["page"]

COMMAND = ("python bench/adversary.py --data DATA --json docs/results/adversary.json "
           "--markdown docs/results/adversary.md")


def page(result: dict[str, Any]) -> str:
    """The tables of a search, configuration by configuration."""
    lines = [
        "# The worst streams that a search finds", "",
        "`slowdown`: (issue + conflict) over the OHMMA of the skip rule, in the cycle model.  The "
        "run has 16",
        "k-tiles; `in the long run` is the second half of one twice as long, where the collector "
        "is full",
        "already.  `bound` is what no stream exceeds ([adversaries](../adversaries.md)).  "
        "`run-ahead`: issue +",
        "conflict over the OHMMA or the products of the busiest bank, whichever is more; a "
        "collector without",
        "limits has 1 (less, as what is left after the last OHMMA counts as `drain`; more where "
        "sums in flight",
        "hold the bank back).  Each search had one of the two as its goal.", "",
        f"Made by `{COMMAND}`",
        f"with {result['evaluations']} evaluations for each search"
        + ("" if result["complete"] else " at most, stopped early")
        + f", seed {result['seed']}, "
        + ", ".join(f"{name} {version}" for name, version in result["tools"].items())
        + ".  Masks and bins are in the JSON file; tests replay them on the Verilog.", ""]
    for name, parameters in result["configs"].items():
        lines += [f"## {name}", "", "`" + ", ".join(
            f"{key}={value}" for key, value in parameters.items() if key != "name") + "`", "",
            "| repeated | goal | OHMMA | issue + conflict | slowdown | in the long run | bound "
            "| run-ahead |", "|---|---|--:|--:|--:|--:|--:|--:|"]
        for row in result["rows"]:
            if row["config"] == name:
                lines.append(
                    f"| {row['kind']} | {row['goal']} | {row['ohmma']} | {row['busy']} "
                    f"| {row['busy'] / row['ohmma']:.3f} | {row['steady']:.3f} "
                    f"| {result['worst_ratio'][name]:.3f} "
                    f"| {row['busy'] / max(row['ohmma'], row['busiest_bank']):.3f} |")
        lines += ["", *_real([row for row in result["real"] if row["config"] == name])]
    return "\n".join(lines)


def _real(rows: list[dict[str, Any]]) -> list[str]:
    """Real masks, a line for each network and for its worst layer."""
    lines = ["Real masks, weights times activations:", "",
             "| network | layers | OHMMA | slowdown | worst layer | its slowdown | its bound |",
             "|---|--:|--:|--:|---|--:|--:|"]
    for source in dict.fromkeys(row["source"] for row in rows):
        mine = [row for row in rows if row["source"] == source]
        worst = max(mine, key=lambda row: row["busy"] / row["ohmma"])
        ohmma = sum(row["ohmma"] for row in mine)
        lines.append(f"| {source} | {len(mine)} | {ohmma} "
                     f"| {sum(row['busy'] for row in mine) / ohmma:.4f} | {worst['layer']} "
                     f"| {worst['busy'] / worst['ohmma']:.4f} "
                     f"| {worst['bound'] / worst['ohmma']:.4f} |")
    return [*lines, ""]
