"""The C header compiles without a warning, and packs what the tables pack."""

import random
import re
import shutil
import subprocess

import pytest

from dstc.accelerator.c_header import HEADER_NAME, RECORDS, header
from dstc.accelerator.layout import Directory
from dstc.accelerator.registers import REGISTERS, all_counters, error_meaning

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")

PROGRAM = """\
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "dstc_accelerator.h"

static void show(int bad, const uint64_t *words, int count)
{
    printf("%d", bad);
    for (int n = 0; n < count && !bad; n++)
        printf(" %" PRIx64, words[n]);
    printf("\\n");
}

int main(void)
{
    uint64_t words[8];
"""


def run(folder, statements):
    """What a program with the header prints."""
    (folder / HEADER_NAME).write_text(header(), encoding="ascii")
    source, binary = folder / "test.c", folder / "test"
    source.write_text(f"{PROGRAM}{statements}    memset(words, 0, sizeof words);\n"
                      "    show(1, words, 0);\n    return 0;\n}\n", encoding="ascii")
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic", "-o", binary,
                    source], check=True, capture_output=True, timeout=60)
    done = subprocess.run([binary], check=True, capture_output=True, text=True, timeout=10)
    return done.stdout.splitlines()[:-1]


def random_values(spec, rng):
    """In range, often at a border."""
    values = {}
    for field in spec.fields:
        last = (field.limit - 1) // field.align * field.align
        values[field.name] = rng.choice([field.low, last, rng.randrange(field.low, field.limit)
                                         // field.align * field.align])
        values[field.name] = max(values[field.name], field.low)
    return values


def statement(name, spec, values):
    """C that packs and shows a record."""
    given = ", ".join(f".{field.name} = UINT64_C({values[field.name]:#x})"
                      for field in spec.fields if field.limit > field.low + 1)
    return (f"    {{ struct dstc_{name} it = {{ {given} }};\n"
            f"      show(dstc_pack_{name}(words, &it), words, DSTC_{name.upper()}_WORDS); }}\n")


@needs_gcc
def test_records(tmp_path):
    rng = random.Random(1)
    cases = [(name, spec, random_values(spec, rng))
             for name, spec in RECORDS.items() for _ in range(20)]
    lines = run(tmp_path, "".join(statement(*case) for case in cases))
    want = [" ".join(["0", *(f"{int(word):x}" for word in spec.pack(**values))])
            for _, spec, values in cases]
    assert lines == want


@needs_gcc
def test_fields_out_of_range(tmp_path):
    rng = random.Random(2)
    statements = []
    for name, spec in RECORDS.items():
        for field in spec.fields:
            wrong = [field.limit] if field.limit < 1 << 64 else []
            wrong += [field.low - 1] if field.low else []
            wrong += [field.align // 2] if field.align > 1 else []
            if field.limit > field.low + 1:
                statements += [statement(name, spec, random_values(spec, rng) | {field.name: value})
                               for value in wrong]
    assert len(statements) > 40
    assert run(tmp_path, "".join(statements)) == ["-1"] * len(statements)


@needs_gcc
def test_registers_and_helpers(tmp_path):
    k_tiles = [1, 2, 3, 128, 129, 65535]
    statements = [f'    printf("%x\\n", DSTC_REG_{spec.name});\n' for spec in REGISTERS]
    statements += [f'    printf("%x\\n", (unsigned)dstc_counter_offset({core}, '
                   f'DSTC_COUNTER_{name.upper()}));\n' for core, name, _ in all_counters()]
    statements += [f'    printf("%u\\n", (unsigned)dstc_row_bytes({k}));\n' for k in k_tiles]
    statements += [f'    puts(dstc_error_meaning({code}));\n' for code in range(30)]
    statements.append('    words[0] = UINT64_C(0x0102030405060708);\n'
                      '    { uint8_t to[8]; dstc_store_words(to, words, 1);\n'
                      '      printf("%d %d\\n", to[0], to[7]); }\n')
    assert run(tmp_path, "".join(statements)) == [
        *(f"{spec.offset:x}" for spec in REGISTERS),
        *(f"{offset:x}" for *_, offset in all_counters()),
        *(str(Directory(address=0, rows=1, k_tiles=k).stride) for k in k_tiles),
        *(error_meaning(code) for code in range(30)), "8 1"]


def test_masks_cover_their_fields():
    text = header()
    for spec in REGISTERS:
        for field in spec.fields:
            name = f"DSTC_{spec.name}_{field.name.upper()}"
            mask = int(re.search(rf"^#define {name}_MASK (0x[0-9a-f]+)u$", text, re.M).group(1), 16)
            shift = int(re.search(rf"^#define {name}_SHIFT (\d+)$", text, re.M).group(1))
            assert mask >> shift == (1 << field.width) - 1 and mask < 1 << 32


def test_lines_are_short():
    assert all(len(line) <= 100 for line in header().splitlines())
