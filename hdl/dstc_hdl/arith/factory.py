"""The arithmetic units of a configuration."""

from .fp32_adder import Fp32Adder
from .fp_multiplier import FpMultiplier
from .integer import Int32Adder, IntMultiplier

__all__ = ["MULTIPLIER_LATENCY", "make_adder", "make_multiplier"]

MULTIPLIER_LATENCY = 1

ADDERS = {"fp32": Fp32Adder, "int32": Int32Adder}


def make_multiplier(config):
    """A multiplier for the elements of a configuration.

    Parameters
    ----------
    config : dstc.config.Config

    Returns
    -------
    wiring.Component
        ``a``, ``b``: ``In(config.element_bits)``; ``o``: ``Out(config.acc_bits)``;
        ``latency``: cycles from operands to result, 1 in every configuration.
    """
    if config.format.is_float:
        return FpMultiplier(MULTIPLIER_LATENCY, config.format.layout)
    return IntMultiplier(MULTIPLIER_LATENCY)


def make_adder(config):
    """An adder for the accumulators of a configuration.

    Parameters
    ----------
    config : dstc.config.Config

    Returns
    -------
    wiring.Component
        ``a``, ``b``: ``In(config.acc_bits)``; ``o``: ``Out(config.acc_bits)``; ``latency``:
        cycles from operands to result, ``config.adder_latency``.
    """
    return ADDERS[config.format.acc_name](config.adder_latency)
