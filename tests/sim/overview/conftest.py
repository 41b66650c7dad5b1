"""The report, built once for a worker."""

from pathlib import Path

import pytest

from dstc_sim.overview import build

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The folder of the report."""
    return build(tmp_path_factory.mktemp("report"), DOCS).parent
