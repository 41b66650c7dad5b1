"""Prose and worked examples of docs/isa.md; what the table says is not repeated here."""

__all__ = ["ASSEMBLY", "BINARY", "DETAILS", "ERRORS", "EXAMPLES", "INTRODUCTION", "ORDER"]

INTRODUCTION = """\
A program is a stream of 64-bit words that a core takes one after the other from its port
`instr`. There are no jumps: whoever feeds the stream has unrolled the loops. A word is an
instruction with its opcode in bits 7:0, or a data word of `TILE`. Every bit that no field uses is
zero. The ranges of some fields depend on the configuration of the core.

A core has `slots` **slots** for A tiles and as many for B tiles, and two **contexts**, each the
accumulators of one output tile. Tiles come from the streams `a`, `b` and `c`, results leave on
`d` ([format.md](format.md)); an instruction names no address, it takes what is next in its stream.
"""

DETAILS = {
    "HALT": """\
The performance counters stop. A pulse on `resume` starts a new program: its first word has
address 0, the counters are 0, no k-step is selected. Slots and contexts keep what they hold.""",
    "BARRIER": """\
Never needed for correct results, see [order](#order). It separates phases that are measured.""",
    "LDA": """\
A slot may be read any number of times before it is loaded again. The record must have its
`last` on the beat that its bitmaps call for; otherwise the core stops with `A_RECORD`.""",
    "LDB": """\
As `LDA`, for B. The two streams are independent of each other: only the order of the `LDA` among
themselves, and of the `LDB` among themselves, is that of the records.""",
    "LDC": """\
Every accumulator of the context is overwritten. Without `LDC` a context starts at +0, which is
what reset and `STC` leave in it.""",
    "STC": """\
Sends `c_beats` beats, the final one marked `last`; every NaN leaves as 0x7FC00000.""",
    "SPWMMA": """\
For each k-step, with `na` bits set in the bitmap of A and `nb` in that of B, it executes
`ceil(na / R) * ceil(nb / S)` `OHMMA`: row group g holds the set bits number `g * R` to
`g * R + R - 1`. k ascends; within a k-step all row groups of the first column group come first.
A k-step with an empty side costs no cycle. [Below](#what-one-spwmma-does) it is written out.""",
    "WMMA": """\
Executes `(tile_m / R) * (tile_n / S)` `OHMMA` for each of the `tile_k` k-steps: row group g
holds the rows `g * R` to `g * R + R - 1` of the tile, zeros included. A zero operand is skipped,
so the sums have the same bits as those of `SPWMMA`.""",
    "TILE": """\
`ceil(ktiles / 32)` data words follow. Bit t of data word w describes k-tile `32 * w + t`: bits
31:0 are the warp bitmap of the row of A tiles, bits 63:32 that of the column of B tiles. Bits at
and past `ktiles` must be zero. For each k-tile that is set in both, ascending, the core does

    LDA slot=s
    LDB slot=s
    SPWMMA a=s, b=s, acc=acc        ; WMMA if dense=1

with s = 0, 1, ..., `slots` - 1, 0, ..., starting at 0 in every `TILE`. So the streams hold only
the records of k-tiles that are set in both. A `TILE` without any leaves its context as it is.""",
    "BOHMMA": """\
The outer product of the two bitmaps is the position map of the k-step: which accumulators its
products belong to. Remembers the two slots, the k-step and the number of condensed groups of
either side.""",
    "POPC": """\
Predicate (g, h) is set when `g < ceil(na / R)` and `h < ceil(nb / S)`, with `na` and `nb` the
popcounts of the two bitmaps that `BOHMMA` found. The predicates stay until the next `POPC`.
Without a `BOHMMA` before it their values are unspecified.""",
    "OHMMA": """\
Multiplies up to R values of A, the set bits number `g * R` and up of the selected k-step, with up
to S values of B, and adds the products to `acc`. A group may be partly filled or empty. With
`pred=1` and its predicate not set it does nothing and counts as not executed.""",
}
"""What each instruction does beyond its line in the table."""

ORDER = """\
A program needs no waits. Loads, compute instructions (`SPWMMA`, `WMMA`, `OHMMA`), C loads and
drains run side by side, and each waits for what it depends on, as if they were executed one by
one in program order:

- a compute instruction waits for the last `LDA` and `LDB` before it of its two slots;
- `LDA` and `LDB` wait until the compute instructions before them have read the slot;
- a compute instruction waits for the `LDC` and `STC` before it of its context, and these for the
  compute instructions before them;
- what the compute instructions of one context add to an accumulator, they add in program order,
  and each of them with k ascending: results do not depend on the timing of the streams;
- `BARRIER` and `HALT` wait for everything before them.

A loads, B loads, compute instructions, C loads and drains form five queues, each in program
order; one that waits holds up those behind it in its queue. Nothing waits for anything later in
the program, so a core cannot block itself. It does wait for ever for a beat that nobody delivers
or takes.

A slot that was not loaded since reset holds an empty tile. If a slot is loaded between a `BOHMMA`
and its `OHMMA`, those take the k-step of the new tile.
"""

ASSEMBLY = """\
One instruction a line, with every operand named, in any order, separated by commas. Numbers are
decimal or, after `0x`, hexadecimal; `;` and `#` start a comment; mnemonics and names may be in
either case. The data words of a `TILE` are written as `.warp a=..., b=...` in the lines that
follow it. Mistakes are reported with line and column.

`dstc asm` turns text into words, `dstc disasm` words into text; from Python,
`dstc.asm.assemble` and `dstc.asm.disassemble`.
"""

BINARY = """\
`dstc asm` writes the binary form or, for a name that ends in `.hex`, one word a line in
hexadecimal, as `$readmemh` of Verilog reads it. `dstc disasm` reads both; comments in hexadecimal
text start with `//`, `;` or `#`. The binary form is little-endian, and refused if it is truncated,
damaged or of another version:

| offset | bytes | content |
|--:|--:|---|
| 0 | 8 | `DSTCPROG` |
| 8 | 2 | version, 1 |
| 10 | 2 | length n of the configuration's name |
| 12 | 4 | CRC-32 of everything from offset 24 on |
| 16 | 8 | number of words |
| 24 | n | name of the configuration in ASCII, then zeros up to a multiple of 8 |
| | 8 each | words |
"""

ERRORS = """\
A word is checked for its opcode, then its reserved bits, then its fields. At the first error the
core takes no further word until reset; what was already under way may finish. `status.error` is
1, `status.code` says why, and `status.address` is the index of the offending word in the program,
data words counted (for a tile record, of the word taken last).
"""

EXAMPLES = {
    "One output tile with C": ("""\
`tiny`, K = 136, that is 34 k-tiles. A has non-zeros in k-tiles 0, 31 and 32, B in 0, 1, 31, 32
and 33. Three pairs are loaded and computed; the A stream holds three records, so does B's.
""", """\
LDC acc=0                               ; C -> context 0
TILE acc=0, dense=0, ktiles=34
    .warp a=0x80000001, b=0x80000003    ; k-tiles 0 and 31 in both
    .warp a=0x00000001, b=0x00000003    ; k-tile 32 in both
STC acc=0                               ; context 0 -> D
HALT
"""),
    "Two output tiles that share their A tiles": ("""\
`tiny`, M x N x K = 8 x 16 x 8: an A tile is loaded once and used for both output tiles, each of
which has its own context. Both contexts see k ascend. The B stream holds the tiles (k-tile,
column) = (0, 0), (0, 1), (1, 0), (1, 1).
""", """\
LDA slot=0                  ; A, k-tile 0
LDB slot=0                  ; B, k-tile 0, left column of tiles
SPWMMA a=0, b=0, acc=0
LDB slot=1                  ; B, k-tile 0, right column
SPWMMA a=0, b=1, acc=1      ; the same A tile again
LDA slot=1                  ; A, k-tile 1, while the products above are computed
LDB slot=0                  ; waits until the first SPWMMA has read the slot
SPWMMA a=1, b=0, acc=0
LDB slot=1
SPWMMA a=1, b=1, acc=1
STC acc=0                   ; drains while context 1 is still computed
STC acc=1
HALT
"""),
}
"""Worked examples: title -> (what it does, assembly text for configuration tiny)."""
