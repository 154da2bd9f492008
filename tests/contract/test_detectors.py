"""What every registered detector promises, whatever it judges by."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinair.detect.ground import Ground
from sentinair.model.alert import SEVERITIES, Joined
from sentinair.model.event import Event
from sentinair.model.ports import Detector
from sentinair.model.process import Process
from tests.harness.strategies import events, processes

ROOT = Path(__file__).parents[2]
GROUND = Ground(
    rules_dir=ROOT / "config" / "rules", state_dir=Path("/srv/st"), users={0: "root", 7: "no\x1b"}
)


def _registered() -> dict[str, str]:
    """Name to "module:factory", from setup.cfg itself: no installation needed."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"]["sentinair.detectors"].strip().splitlines()
    pairs = (line.split("=", 1) for line in lines)
    return {name.strip(): place.strip() for name, place in pairs}


REGISTERED = _registered() | {"gap": "sentinair.detect.gaps:detector"}


def _made(place: str) -> Detector:
    module, _, factory = place.partition(":")
    make: Callable[[Ground], Detector] = getattr(importlib.import_module(module), factory)
    return make(GROUND)


DETECTORS = {name: _made(place) for name, place in REGISTERED.items()}
every_detector = pytest.mark.parametrize("name", sorted(DETECTORS))


@every_detector
def test_a_detector_calls_itself_what_it_is_registered_as(name: str) -> None:
    assert DETECTORS[name].name == name


@every_detector
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(event=events, process=st.none() | processes)
def test_a_detector_takes_any_event_and_judges_it_the_same_way_twice(
    name: str, event: Event, process: Process | None
) -> None:
    detector = DETECTORS[name]
    joined = Joined(event, process)
    first = list(detector.judge(joined))
    assert list(detector.judge(joined)) == first
    for detection in first:
        assert detection.severity in SEVERITIES
        assert 0 <= detection.confidence <= 1
        assert detection.source == name
        assert detection.title
        assert detection.category
        assert detection.matches
        assert detection.why
        assert detection.next_steps
        assert all("\n" not in match.value for match in detection.matches)


@every_detector
def test_a_detector_can_be_told_the_time(name: str) -> None:
    assert list(DETECTORS[name].tick(1_700_000_000_000_000_000)) == []
