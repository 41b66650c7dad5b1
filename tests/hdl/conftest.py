"""A wall-clock limit for every test: a combinational loop hangs the simulator inside a cycle."""

import signal

import pytest

SECONDS = 600


@pytest.fixture(autouse=True)
def time_limit():
    """Fail a test that takes longer than any may, even on a busy machine."""
    def expire(number, frame):
        raise TimeoutError(f"test took more than {SECONDS} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
