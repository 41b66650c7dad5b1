"""What a driver does to registers, as a script that a plain Verilog bench can play."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from dstc.accelerator.registers import REGISTERS, all_counters, register
from dstc.device.recording import ReadRegister, Step, WaitInterrupt, WriteRegister

__all__ = ["Action", "Operation", "acknowledge", "check", "script_of", "script_text"]

ALL = 0xFFFFFFFF
CLEAR = 2
ERROR = 2
"""Bits of ``CONTROL`` and of ``STATUS``."""


class Operation(IntEnum):
    """As ``accelerator_bench.v`` knows them."""

    END = 0
    WRITE = 1
    CHECK = 2
    POLL = 3
    INTERRUPT = 4
    QUIET = 5


@dataclass(frozen=True)
class Action:
    """One line of a script; ``mask`` says which bits of ``value`` count when reading."""

    operation: Operation
    offset: int = 0
    value: int = 0
    mask: int = 0
    about: str = ""


_NAMES = {each.offset: each.name for each in REGISTERS} | {
    offset + half: f"counter {name} of core {core}, {word} word"
    for core, name, offset in all_counters() for half, word in ((0, "low"), (4, "high"))}
_NEVER_CHANGE = range(register("ID").offset, register("CONVOLUTION").offset + 4)


def check(name: str, value: int, mask: int = ALL) -> Action:
    """A register has to have that value."""
    return Action(Operation.CHECK, register(name).offset, value, mask, name)


def acknowledge() -> list[Action]:
    """Take the interrupt away; it must be low then."""
    return [Action(Operation.WRITE, register("IRQ_STATUS").offset, 1, about="IRQ_STATUS"),
            Action(Operation.QUIET, about="irq is low")]


def script_of(steps: Iterable[Step]) -> list[Action]:
    """The script of a driver's recorded steps; memory has its contents before.

    Registers that tell what the device is are checked, and that ``STATUS`` tells no error.
    ``CONTROL`` is read until ``clear`` has ended, ``HEAD`` until all jobs have; what else is read
    decides nothing in a run without errors.
    """
    script: list[Action] = []
    tail = 0
    for step in steps:
        if isinstance(step, WriteRegister):
            if step.offset == register("TAIL").offset:
                tail = step.value
            script.append(Action(Operation.WRITE, step.offset, step.value,
                                 about=_NAMES[step.offset]))
        elif isinstance(step, WaitInterrupt):
            script.append(Action(Operation.INTERRUPT, about="until irq is high"))
        elif isinstance(step, ReadRegister):
            name = _NAMES[step.offset]
            if step.offset in _NEVER_CHANGE:
                script.append(check(name, step.value))
            elif name == "CONTROL":
                script.append(Action(Operation.POLL, step.offset, 0, CLEAR, "CONTROL.clear is 0"))
            elif name == "STATUS":
                script.append(Action(Operation.CHECK, step.offset, 0, ERROR, "STATUS.error is 0"))
            elif name == "HEAD" and tail and step.value == tail:
                script.append(Action(Operation.POLL, step.offset, tail, ALL, "HEAD is TAIL"))
    return script


def script_text(script: Iterable[Action]) -> str:
    """The script as text for ``$readmemh``: four words of 32 bits each line, and a comment."""
    lines = ["// operation offset value mask", "@0"]
    for action in (*script, Action(Operation.END, about="end")):
        lines.append(f"{action.operation:x} {action.offset:03x} {action.value:08x} "
                     f"{action.mask:08x} // {action.operation.name.lower()} {action.about}")
    return "".join(f"{line}\n" for line in lines)
