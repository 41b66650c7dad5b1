"""docs/memory.md, made from the tables of records."""

import numpy as np

from ..beats import tile_records
from ..config import CONFIGS, get_config
from ..formats import encode
from ..isa_doc import bit_range, table
from .layout import Directory, directory_bytes, packed_records, raw_tile_bytes, slot_bytes
from .records import ENTRY, JOB, PROGRAM, RECORD_BYTES, TILES, RecordField, RecordSpec

__all__ = ["page"]

EXAMPLE_CONFIG = "tiny"
EXAMPLE_PLACE = 0x8000_0100

INTRODUCTION = f"""\
What the accelerator ([accelerator.md](accelerator.md)) reads and writes. Everything is
little-endian. Jobs, program headers and instructions are records of {RECORD_BYTES} bytes, eight
64-bit words; bits that no field uses are 0, and the device refuses a record in which they are not.
Addresses in records have 48 bits; the device has as many as `SYSTEM.address_bits` says, and
accesses none outside of its window ([registers.md](registers.md)).
"""

JOBS = """\
The ring has `1 << RING_SIZE` entries from the address in `RING`; job n since `clear` is entry n
modulo their number. The host writes the job, then the number of jobs to `TAIL`. `HEAD` moves on
when the memory has acknowledged everything that the job wrote.
"""

PROGRAMS = """\
One record, at a multiple of 64 bytes; the instructions follow it directly. The other streams are
anywhere at multiples of 16 bytes. `post` and `gather` have the 64-bit words of
[convolution-words.md](convolution-words.md): one `POST` for each output tile in the order of the
instructions (of a pair the left one first), each with its parameters, and, if the program is
`lowered`, what the im2col unit needs to make the A tiles that the instructions take, in their
order. `x_list` names the tile records that it loads: each number counts 64-bit words from
`x_directory` to the entry of the record. When the program ends, nothing may be left that no unit
has taken.
"""

INSTRUCTIONS = """\
Computes `D = A B + C` for one output tile, or with `pair` for two neighbours in a row of output
tiles; the second column's directory row follows the first one's. The device walks the k-tiles by
the warp bitmaps, in ascending order, and reads entries and records only of tiles that take part:

| | A tile k is loaded if | B tile k of a column is loaded if |
|---|---|---|
| `dense` | always | always |
| `lowered` | a column has bit k; it comes from the im2col unit | the column has bit k |
| otherwise | the row and a column have bit k | the row and the column have bit k |

Results are what the epilogue makes of the sums: with `raw` accumulators, otherwise tile records of
the next feature map, `blocks0` (and `blocks1`) of them.
"""

DIRECTORIES = """\
An operand is a matrix of tiles ([format.md](format.md)): rows of A tiles, columns of B tiles, or
tiles of positions of a feature map, each of k k-tiles. It has one **directory row** for each of
them:

| bytes | content |
|---|---|
| ((k + 127) >> 7) * 16 | warp bitmap: bit t is set if tile t has a value; from bit k up, zeros |
| ((k + 1) >> 1) * 16 | an entry for each tile; of an odd number, 8 bytes of zeros follow |

Rows follow each other without a gap. Every tile has an entry, those without values too.
"""

RECORDS = """\
A record is the tile's beats as the core takes them ([format.md](format.md)), one behind the other:
bitmaps, padded to whole beats, then values, padded likewise. It starts at a multiple of 16 bytes,
or of a beat's if that is more.

- **Packed** (operands that the host writes): one record follows the other.
- **Slotted** (feature maps that the device writes): record r, counted row by row, is in a slot of
  fixed size, r slots from the first one. A slot is the longest record, rounded up to 64 bytes.

Both are read alike, through their entries.
"""

RAW = """\
A tile of C or D is its beats, one behind the other: the accumulators row by row. Of a pair, the
second tile follows the first. The driver has all tiles of a matrix one behind the other, row of
tiles by row of tiles.
"""

WRITING = """\
The device writes each record into its slot, its entry into the directory row `y`, and the warp
bits. These are collected for the 32 k-tiles of a 32-bit word and written, 4 bytes, when a record
belongs to another word or the program ends; bits of k-tiles that the program did not make are 0
then. So the records of one word belong to one program, in ascending order. Words that no program
writes stay: the host clears a directory before.
"""


def _fields(spec: RecordSpec) -> str:
    return table(["word", "bits", "field", "range", "meaning"],
                 [[str(field.word), bit_range(field.lsb, field.width), f"`{field.name}`",
                   _range(field), field.meaning] for field in spec.fields], "r")


def _range(field: RecordField) -> str:
    if field.align > 1:
        return f"multiple of {field.align}"
    if field.limit == field.low + 1:
        return f"{field.low:#x}"
    last = f"2^{field.width} - 1" if field.limit == 1 << field.width and field.width > 8 else (
        str(field.limit - 1))
    return f"{field.low} to {last}"


def _sizes() -> str:
    rows = [[f"`{config.name}`", str(config.a_beat_bits // 8), str(config.b_beat_bits // 8),
             str(config.c_beat_bits // 8), str(slot_bytes(config)), str(raw_tile_bytes(config))]
            for config in CONFIGS.values()]
    return table(["configuration", "A beat", "B beat", "C beat", "slot", "C tile"], rows,
                 "-" + "r" * 5)


def _example() -> str:
    """A matrix of three tiles, the middle one empty, as it is in memory."""
    config = get_config(EXAMPLE_CONFIG)
    matrix = np.zeros((1, 3 * config.tile_k), config.format.dtype)
    matrix[0, [0, 1, 2 * config.tile_k]] = 1, -2, 0.5
    records = tile_records(encode(matrix, "A", config), config)
    data, offsets = packed_records(records)
    directory = Directory(address=0, rows=1, k_tiles=3)
    image = directory_bytes(directory, np.array([[True, False, True]]), offsets + EXAMPLE_PLACE,
                            np.diff(records.starts))
    return "\n".join([
        f"A 1 x {matrix.shape[1]} matrix of side A, `{EXAMPLE_CONFIG}`, with {config.tile_k} "
        "columns in a tile: 1 and -2 in the\nfirst tile, 0.5 in the third. Its directory row, 16 "
        "bytes in a line:\n",
        "```", _dump(image.tobytes(), 0), "```\n",
        f"Its records, packed at {EXAMPLE_PLACE:#x}: beats of {config.a_beat_bits // 8} bytes, "
        "padded to 16:\n",
        "```", _dump(data.tobytes(), EXAMPLE_PLACE), "```\n"])


def _dump(data: bytes, address: int) -> str:
    return "\n".join(f"{address + at:08x}: {data[at:at + 16].hex(' ', 8)}"
                     for at in range(0, len(data), 16))


def page() -> str:
    """The text of docs/memory.md."""
    return "\n".join([
        "# Memory of the accelerator\n",
        "<!-- Generated from software/dstc/accelerator/records.py by `make docs`; change it "
        "there. -->\n",
        INTRODUCTION,
        "## Jobs\n", JOBS, _fields(JOB),
        "## Programs\n", PROGRAMS, _fields(PROGRAM),
        "## TILES\n", INSTRUCTIONS, _fields(TILES),
        "## Directories\n", DIRECTORIES, "An entry:\n", _fields(ENTRY),
        "## Tile records\n", RECORDS, "Bytes:\n", _sizes(),
        "## Raw tiles\n", RAW,
        "## Feature maps that the device writes\n", WRITING,
        "## Example\n", _example()])
