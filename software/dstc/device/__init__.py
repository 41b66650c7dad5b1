"""A driver for the accelerator, over any bus (docs/device.md)."""

from .bus import Bus
from .driver import Device, Run
from .errors import DeviceError, DeviceTimeout
from .queue import CoreCounters, JobReport
from .recording import RecordingBus
from .serial_bus import ByteStream, LinkError, SerialBus
from .task import Task

__all__ = ["Bus", "ByteStream", "CoreCounters", "Device", "DeviceError", "DeviceTimeout",
           "JobReport", "LinkError", "RecordingBus", "Run", "SerialBus", "Task"]
