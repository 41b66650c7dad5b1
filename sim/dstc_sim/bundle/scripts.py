"""The one command of a bundle: a shell script that needs Icarus Verilog and nothing else."""

from collections.abc import Sequence

__all__ = ["accelerator_script", "core_script"]

HEAD = """\
#!/bin/sh
# {what}
# Needs Icarus Verilog (iverilog and vvp); set IVERILOG and VVP if they have other names.
# The exit code is 0 if everything passes.
cd "${{0%/*}}" 2> /dev/null || cd .
: "${{IVERILOG:=iverilog}}" "${{VVP:=vvp}}"
"$IVERILOG" -g2005 -o bench.vvp {sources} || exit 1
"""
ACCELERATOR = """
# run VECTORS NAME WAITS...: one run of the bench; its output stays in vectors/VECTORS/NAME.log.
run() {{
  log="vectors/$1/$2.log"
  vectors=$1
  shift 2
  "$VVP" -n bench.vvp "+vectors=vectors/$vectors" "$@" > "$log" 2>&1
  if grep -q '^PASS$' "$log" && ! grep -q '^FAIL' "$log"; then
    echo "pass: $vectors $*"
  else
    cat "$log"
    echo "fail: $vectors $* (see $log)"
    echo FAIL
    exit 1
  fi
}}

[ $# -gt 0 ] || set -- {names}
for vectors in "$@"; do
  run "$vectors" plain
  run "$vectors" waits +stall=40 +jitter=50 +shuffle=30 +seed=7
done
echo PASS
"""
CORE = """\
"$VVP" -n bench.vvp || exit 1
if cmp d.hex expected.hex && grep -q '^outcome stopped$' end.txt; then
  echo PASS
else
  cat end.txt
  echo FAIL
  exit 1
fi
"""


def accelerator_script(verilog: str, names: Sequence[str]) -> str:
    """``run.sh`` of an accelerator: every test vector, without and with random waits.

    Parameters
    ----------
    verilog : str
        File of the device.
    names : sequence of str
        Folders below ``vectors``.
    """
    head = HEAD.format(
        what="Runs test vectors on the bench, without and with random waits: all, or those named.",
        sources=f"bench.v axi4_memory.v {verilog}")
    return head + ACCELERATOR.format(names=" ".join(names))


def core_script(verilog: str) -> str:
    """``run.sh`` of a bare core: one program, whose output is compared."""
    return HEAD.format(what="Runs one program on the core and compares its results.",
                       sources=f"bench.v {verilog}") + CORE
