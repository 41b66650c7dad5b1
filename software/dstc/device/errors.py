"""What a driver says when a device does not do what it was asked for."""

from ..accelerator.registers import error_meaning
from ..errors import DstcError

__all__ = ["DeviceError", "DeviceTimeout"]

FETCH = 255
"""``ERROR.core`` of an error that no core made."""


class DeviceError(DstcError):
    """The device has stopped with an error; it runs on after ``Device.clear``.

    Attributes
    ----------
    code : int
        As in register ``ERROR``.
    meaning : str
        What that code stands for.
    core : int or None
        The core; None: the fetch of a job.
    address : int
        As in register ``ERROR_ADDRESS``.
    thing : str or None
        What the driver has put there, if anything.
    """

    def __init__(self, code: int, core: int, address: int, thing: str | None):
        self.code = code
        self.meaning = error_meaning(code)
        self.core = None if core == FETCH else core
        self.address = address
        self.thing = thing
        who = "Fetch of jobs" if self.core is None else f"Core {core}"
        where = f" in {thing}" if thing else ""
        super().__init__(f"{who} must end without an error, not with code {code} at address "
                         f"{address:#x}{where}: {self.meaning}")


class DeviceTimeout(DstcError):
    """The device has not done something in time."""
