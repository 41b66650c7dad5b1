"""A driver for the accelerator, over any bus (docs/device.md)."""

from .bus import Bus
from .driver import Device, Run
from .errors import DeviceError, DeviceTimeout
from .queue import CoreCounters, JobReport
from .recording import RecordingBus
from .task import Task

__all__ = ["Bus", "CoreCounters", "Device", "DeviceError", "DeviceTimeout", "JobReport",
           "RecordingBus", "Run", "Task"]
