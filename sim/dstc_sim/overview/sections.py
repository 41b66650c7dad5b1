"""What the report shows of docs/results, and what to say about it."""

from dataclasses import dataclass

__all__ = ["GROUPS", "Section"]


@dataclass(frozen=True)
class Section:
    """A page of docs/results.

    Attributes
    ----------
    name : str
        Of the file without its ending.
    title : str
    about : str
        One or two sentences.
    target : str
        The make target that makes it.
    pictures : tuple of str
        SVG files beside it, shown on the first page.
    """

    name: str
    title: str
    about: str
    target: str
    pictures: tuple[str, ...] = ()


GROUPS: dict[str, tuple[Section, ...]] = {
    "Against others": (
        Section("paper", "Published figures beside ours",
                "Each point of a published figure, ours, and the error, with the reasons for "
                "differences.", "paper", ("paper-21", "paper-layers", "paper-averages")),
        Section("workloads", "Networks on rivals",
                "Real layers on machines with as many multipliers, and the limit that none can "
                "pass: effectual MACs over multipliers. 2:4 and vector-wise are what they would "
                "take if the network had been pruned for them.", "workloads"),
    ),
    "On the Verilog": (
        Section("network", "Networks",
                "Every layer bit-exact, and within a derived bound of ONNX Runtime.", "network"),
        Section("throughput", "Cycles over the skip rule",
                "What conflicts and pipeline cost on streams of random tiles.", "throughput"),
        Section("convolution", "Convolutions",
                "Layers from encoded feature map to encoded feature map.", "convolution"),
        Section("system", "The accelerator",
                "From memory to memory, 1 to 4 cores behind one port.", "system"),
        Section("faults", "Injected faults",
                "What the accelerator does about errors of bus, program and data.", "faults"),
        Section("adversary", "The worst streams",
                "How much bank conflicts can cost, and how much a search finds.", "adversary"),
    ),
    "What it costs": (
        Section("area", "Area and clock",
                "Cells and clock of the core beside its dense and 2:4 twins.", "area"),
        Section("price", "Speedup per area",
                "What the parts cost over the twins, and from which density on it pays.", "price",
                ("price",)),
        Section("energy", "Energy",
                "Energy per useful multiplication by activity of the netlist.", "energy",
                ("energy",)),
        Section("gates", "Netlists of cells",
                "The benches of the Verilog on its netlists.", "gates"),
        Section("fpga", "FPGA", "Boards: cells, clock, and what runs on them.", "fpga"),
        Section("sweep", "Design space", "Variants on workloads, area against time.", "sweep",
                ("sweep",)),
        Section("accumulator", "Banks, entries and adder stages",
                "The choice behind decision 4.", "accumulator", ("accumulator",)),
    ),
    "Models and tools": (
        Section("model", "Cycle model", "Speed, and equality with the Verilog.", "model-speed"),
        Section("profile", "Profiling networks", "Time and memory of dstc profile.",
                "profile-speed"),
        Section("arithmetic", "Arithmetic", "All products, 10^8 sums, all roundings.",
                "exhaustive"),
    ),
}
"""Sections by the heading they stand under."""
