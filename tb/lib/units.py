"""The components that have a bench, and how each is made from a configuration."""

import importlib
from dataclasses import dataclass
from typing import Any

from dstc.config import Config

__all__ = ["UNITS", "Unit"]


@dataclass(frozen=True)
class Unit:
    """One component under test.

    Attributes
    ----------
    module, maker : str
        Where the component comes from; ``maker`` is its class or a function.
    arguments : str
        What it is made from: ``config``, ``side A``, ``side B``, or a key of :data:`ARGUMENTS`.
    """

    module: str
    maker: str
    arguments: str = "config"

    def make(self, config: Config) -> Any:
        """The component, not elaborated."""
        maker = getattr(importlib.import_module(self.module), self.maker)
        return maker(*ARGUMENTS[self.arguments](config))


def _token(config: Config) -> Any:
    from dstc_hdl.layouts import ohmma_layout
    return ohmma_layout(config)


def _hazard(config: Config) -> int:
    from dstc_hdl.accumulator import hazard_distance
    return hazard_distance(config)


def _board(acc: Any) -> Any:
    from dataclasses import replace

    from dstc_hdl.board.boards import BOARDS

    from .serial_line import DIVISOR
    board = next(each for each in BOARDS.values() if each.accelerator == acc)
    return (replace(board, baud=board.clock // DIVISOR),)


ARGUMENTS = {
    "config": lambda config: (config,),
    "side A": lambda config: (config, "A"),
    "side B": lambda config: (config, "B"),
    "hazard": lambda config: (config, _hazard(config)),
    "token": lambda config: (_token(config),),
    "token, depth": lambda config: (_token(config), 8),
    "slots": lambda config: (config.slots,),
    "tile rows": lambda config: (config, config.tile_m),
    "item of 32, bursts": lambda acc: (acc, 32, 2),
    "item of 512, bursts": lambda acc: (acc, 512, 4),
    "channels": lambda acc: (acc, 3),
    "board": _board,
}

UNITS = {
    "multiplier": Unit("dstc_hdl.arith", "make_multiplier"),
    "adder": Unit("dstc_hdl.arith", "make_adder"),
    "stream_register": Unit("dstc_hdl.stream", "StreamRegister", "token"),
    "stream_queue": Unit("dstc_hdl.stream", "StreamQueue", "token, depth"),
    "decoder": Unit("dstc_hdl.decoder", "InstructionDecoder"),
    "ticket_counter": Unit("dstc_hdl.ticket_counter", "TicketCounter", "slots"),
    "dispatcher": Unit("dstc_hdl.dispatcher", "Dispatcher"),
    "operand_buffer_a": Unit("dstc_hdl.operand_buffer", "OperandBuffer", "side A"),
    "operand_buffer_b": Unit("dstc_hdl.operand_buffer", "OperandBuffer", "side B"),
    "step_walker": Unit("dstc_hdl.sequencer", "StepWalker"),
    "ohmma_expander": Unit("dstc_hdl.sequencer", "OhmmaExpander"),
    "bitmap_unit": Unit("dstc_hdl.bitmap_unit", "BitmapUnit"),
    "operand_crossbar": Unit("dstc_hdl.crossbar", "OperandCrossbar"),
    "bank_picker": Unit("dstc_hdl.bank_picker", "BankPicker", "hazard"),
    "operand_collector": Unit("dstc_hdl.collector", "OperandCollector", "hazard"),
    "outer_product_array": Unit("dstc_hdl.array", "OuterProductArray"),
    "accumulation_buffer": Unit("dstc_hdl.accumulator", "AccumulationBuffer"),
    "c_load": Unit("dstc_hdl.tile_port", "CLoad"),
    "drain": Unit("dstc_hdl.tile_port", "Drain"),
    "performance_counters": Unit("dstc_hdl.performance", "PerformanceCounters"),
    "epilogue": Unit("dstc_hdl.epilogue", "Epilogue"),
    "record_packer": Unit("dstc_hdl.conv.record_packer", "RecordPacker", "tile rows"),
    "im2col": Unit("dstc_hdl.conv.im2col", "Im2col"),
    "read_channel_narrow": Unit("dstc_hdl.accelerator.read_channel", "ReadChannel",
                                "item of 32, bursts"),
    "read_channel_wide": Unit("dstc_hdl.accelerator.read_channel", "ReadChannel",
                              "item of 512, bursts"),
    "read_port": Unit("dstc_hdl.accelerator.read_port", "ReadPort", "channels"),
    "write_port": Unit("dstc_hdl.accelerator.write_port", "WritePort"),
    "axi_copier": Unit("tb.lib.axi_copier", "AxiCopier"),
    "stream_core": Unit("dstc_hdl.stream_core", "StreamCore"),
    "dense_twin": Unit("dstc_hdl.twin", "DenseCore"),
    "structured_twin": Unit("dstc_hdl.twin", "StructuredCore"),
    "dense_twin_fused": Unit("dstc_hdl.twin", "FusedDenseCore"),
    "structured_twin_fused": Unit("dstc_hdl.twin", "FusedStructuredCore"),
    "core": Unit("dstc_hdl.core", "Core"),
    "accelerator": Unit("dstc_hdl.accelerator.top", "Accelerator"),
    "board": Unit("dstc_hdl.board.top", "BoardCore", "board"),
}
