"""The configuration of a core: one frozen object from which everything else is derived."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .elements import ELEMENTS, Element
from .errors import DstcError

__all__ = ["CONFIGS", "Config", "get_config"]

ACC_BITS = 32
DATAFLOWS = ("condensed",)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Parameters of one core, validated when the object is made.

    Names follow Wang et al., ISCA 2021: a warp tile is M x N x K, one ``OHMMA`` is an R x S x 1
    outer product on R x S multipliers.

    Parameters
    ----------
    name : str
        Name shown in every log and report.
    status : str
        What has been verified: ``verified`` (all benches) or ``experimental``.
    tile_m, tile_n, tile_k : int
        Warp tile.  ``tile_m`` and ``tile_n`` are multiples of 8 from 8 to 32, ``tile_k`` is a
        multiple of 4 from 4 to 32.
    array_rows, array_cols : int
        Multipliers, R x S; each is a power of two and divides its side of the tile at most
        eightfold.
    element : str
        Element format, a key of :data:`dstc.elements.ELEMENTS`.
    dataflow : str
        ``condensed``: both operands are condensed, the outer product runs over the non-zeros.
    collector_entries : int
        k-steps that the operand collector holds at once, 2 to 16.
    adder_latency : int
        Cycles of one addition, 1 to 4; the sum is in its bank one cycle later.
    slots : int
        Tiles that each operand buffer holds, 2 to 8; two already overlap loads and compute.
    window_tiles : int
        Tiles of a feature map that each of the two windows of the im2col unit holds: 4, 8 or 16.
    window_spans : int
        Spans that each of its two tables holds: 16, 32 or 64.

    Raises
    ------
    DstcError
        If a parameter or a combination cannot be built; one sentence names it.
    """

    name: str
    status: str = "experimental"
    tile_m: int = 32
    tile_n: int = 32
    tile_k: int = 16
    array_rows: int = 8
    array_cols: int = 16
    element: str = "fp16"
    dataflow: str = "condensed"
    collector_entries: int = 10
    adder_latency: int = 3
    slots: int = 4
    window_tiles: int = 16
    window_spans: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = field.type if isinstance(field.type, type) else {"int": int, "str": str}[
                field.type]
            if type(value) is not wanted:
                raise DstcError(f"Configuration {field.name} must be of type "
                                f"{wanted.__name__}, not {value!r}")
        if not self.name or not all(c.isascii() and (c.isalnum() or c in "-_.")
                                    for c in self.name):
            raise DstcError("Configuration name must consist of letters, digits, '-', '_' and "
                            f"'.', not {self.name!r}")
        self._one_of("status", ("verified", "experimental"))
        self._one_of("element", tuple(ELEMENTS))
        self._one_of("dataflow", DATAFLOWS)
        self._between("tile_m", 8, 32, multiple=8)
        self._between("tile_n", 8, 32, multiple=8)
        self._between("tile_k", 4, 32, multiple=4)
        self._between("collector_entries", 2, 16)
        self._between("adder_latency", 1, 4)
        self._between("slots", 2, 8)
        self._one_of("window_tiles", (4, 8, 16))
        self._one_of("window_spans", (16, 32, 64))
        for lanes, tile in (("array_rows", "tile_m"), ("array_cols", "tile_n")):
            value, whole = getattr(self, lanes), getattr(self, tile)
            if value < 2 or value & (value - 1):
                raise DstcError(f"Configuration {lanes} must be a power of two of at least 2, "
                                f"not {value}")
            if whole % value:
                raise DstcError(f"Configuration {lanes} must divide {tile}={whole}, not {value}")
            if whole // value > 8:
                raise DstcError(f"Configuration {lanes} must be at least an eighth of "
                                f"{tile}={whole}, not {value}")

    def _one_of(self, field: str, allowed: tuple[str, ...] | tuple[int, ...]) -> None:
        value = getattr(self, field)
        if value not in allowed:
            raise DstcError(f"Configuration {field} must be one of "
                            f"{', '.join(map(str, allowed))}, "
                            f"not {value!r}")

    def _between(self, field: str, low: int, high: int, multiple: int = 1) -> None:
        value = getattr(self, field)
        if not low <= value <= high or value % multiple:
            step = f"a multiple of {multiple} " if multiple > 1 else ""
            raise DstcError(f"Configuration {field} must be {step}from {low} to {high}, "
                            f"not {value}")

    # Shapes of the machine.

    @property
    def multipliers(self) -> int:
        """Multipliers of the array, equal to accumulator banks."""
        return self.array_rows * self.array_cols

    @property
    def row_groups(self) -> int:
        """Row groups of a full tile: tile_m / array_rows (4 in the paper)."""
        return self.tile_m // self.array_rows

    @property
    def col_groups(self) -> int:
        """Column groups of a full tile: tile_n / array_cols (2 in the paper)."""
        return self.tile_n // self.array_cols

    @property
    def bank_depth(self) -> int:
        """Accumulators of one bank and one context."""
        return self.row_groups * self.col_groups

    @property
    def dense_ohmma_per_step(self) -> int:
        """OHMMA of one dense k-step."""
        return self.row_groups * self.col_groups

    @property
    def dense_ohmma_per_tile(self) -> int:
        """OHMMA of one dense tile (128 in the paper)."""
        return self.dense_ohmma_per_step * self.tile_k

    # Convolution (docs/convolution.md).

    @property
    def channel_blocks(self) -> int:
        """Tiles of the next layer's feature map that one result tile makes."""
        return self.tile_n // self.tile_k

    def require_convolution(self) -> None:
        """Refuse a shape whose result tiles are no whole tiles of a feature map.

        Raises
        ------
        DstcError
            One sentence names the condition.
        """
        if self.tile_n % self.tile_k:
            raise DstcError(f"Convolution needs tile_n to be a multiple of tile_k={self.tile_k}, "
                            f"not {self.tile_n}")
        if self.tile_m % self.array_cols:
            raise DstcError("Convolution needs tile_m to be a multiple of array_cols="
                            f"{self.array_cols}, not {self.tile_m}")

    # Formats.

    @property
    def format(self) -> Element:
        """The element format's description."""
        return ELEMENTS[self.element]

    @property
    def element_bits(self) -> int:
        """Width of one stored value."""
        return self.format.bits

    @property
    def acc_bits(self) -> int:
        """Width of one accumulator."""
        return ACC_BITS

    # Ports of the core (docs/format.md).

    @property
    def a_beat_values(self) -> int:
        """Values in one beat of the A stream: two OHMMA's worth."""
        return 2 * self.array_rows

    @property
    def b_beat_values(self) -> int:
        """Values in one beat of the B stream: two OHMMA's worth."""
        return 2 * self.array_cols

    @property
    def c_beat_values(self) -> int:
        """Accumulators in one beat of the C and D streams: one row of one column group."""
        return self.array_cols

    @property
    def a_beat_bits(self) -> int:
        """Width of the A stream."""
        return self.a_beat_values * self.element_bits

    @property
    def b_beat_bits(self) -> int:
        """Width of the B stream."""
        return self.b_beat_values * self.element_bits

    @property
    def c_beat_bits(self) -> int:
        """Width of the C and D streams."""
        return self.c_beat_values * self.acc_bits

    @property
    def c_beats(self) -> int:
        """Beats of one C or D tile."""
        return self.tile_m * self.col_groups

    def replace(self, **changes: Any) -> "Config":
        """A variant with some parameters changed, validated anew."""
        known = {field.name for field in fields(self)}
        for key in changes:
            if key not in known:
                raise DstcError(f"Configuration parameter must be one of "
                                f"{', '.join(sorted(known))}, not {key!r}")
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The parameters, in a form that JSON takes."""
        return asdict(self)


CONFIGS = {
    config.name: config
    for config in (
        # The machine of the paper: one sub-core of a Volta-class SM.
        Config(name="paper", status="verified"),
        # The same with the other floating-point elements, summed in FP32 like fp16.
        Config(name="paper-bf16", status="verified", element="bf16"),
        Config(name="paper-fp8-e4m3", status="verified", element="fp8_e4m3"),
        Config(name="paper-fp8-e5m2", status="verified", element="fp8_e5m2"),
        # The same with 8-bit integers summed in 32 bits.
        Config(name="paper-int8", status="verified", element="int8", adder_latency=1,
               collector_entries=8),
        # A quarter of the multipliers, for FPGAs and quick runs.
        Config(name="small", status="verified", tile_m=16, tile_n=16, tile_k=8,
               array_rows=4, array_cols=8),
        # Eight multipliers, for tests that need thousands of tiles.
        Config(name="tiny", status="verified", tile_m=8, tile_n=8, tile_k=4,
               array_rows=2, array_cols=4, collector_entries=4, adder_latency=2, slots=2,
               window_tiles=8, window_spans=32),
    )
}
"""Every named configuration."""


def get_config(name: str) -> Config:
    """The named configuration.

    Raises
    ------
    DstcError
        If no configuration has that name.
    """
    try:
        return CONFIGS[name]
    except KeyError:
        raise DstcError(f"Configuration must be one of {', '.join(CONFIGS)}, "
                        f"not {name!r}") from None
