"""For all tests: nothing may be left behind, neither thread nor descriptor nor child."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

# A deadline for one example would measure how busy the machine is.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and our children would be deaf to Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_FAILED = pytest.StashKey[bool]()
PATIENCE_SECS = 2.0  # a thread or child that was told to stop may need a moment


def _descriptors() -> dict[int, str]:
    found = {}
    for number in Path("/proc/self/fd").iterdir():
        try:
            found[int(number.name)] = os.readlink(number)
        except OSError:  # the one that listed the folder
            continue
    return found


def _left(threads: set[threading.Thread], descriptors: dict[int, str]) -> list[str]:
    running = [f"thread {t.name}" for t in threading.enumerate() if t not in threads]
    opened = [
        f"descriptor {number} on {target}"
        for number, target in _descriptors().items()
        if descriptors.get(number) != target
    ]
    return running + opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test after which a thread runs or a descriptor is open that was not there before."""
    threads, descriptors = set(threading.enumerate()), _descriptors()
    yield
    # What a failed test did not get round to closing is not the thing to tell.
    if request.node.stash.get(_FAILED, False) or not _left(threads, descriptors):
        return
    gc.collect()
    by = time.monotonic() + PATIENCE_SECS
    while (left := _left(threads, descriptors)) and time.monotonic() < by:
        time.sleep(0.02)
    assert left == [], "left behind"
