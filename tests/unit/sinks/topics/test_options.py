"""Options of topics are refused where the configuration is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinair.errors import UsageFault
from sentinair.sinks.ground import Ground
from sentinair.sinks.topics.kind import topics
from sentinair.sinks.topics.options import TopicsOptions


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"socket": "topics.sock"}, "is not absolute"),
        ({"socket": "/" + "x" * 200}, "at most 107"),
        ({"users": ("no-such-user-here",)}, "there is no user"),
    ],
)
def test_options_that_cannot_be_are_refused_with_a_remedy(
    options: dict[str, Any], what: str
) -> None:
    with pytest.raises(UsageFault, match=what) as refused:
        TopicsOptions(**options)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "options", [{"queue": 0}, {"subscribers": 65}, {"metrics_secs": 0}, {"x": 1}]
)
def test_values_out_of_range_and_unknown_names_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, TopicsOptions)


def test_users_are_names_or_numbers() -> None:
    assert TopicsOptions(users=("root", "1234")).uids() == frozenset((0, 1234))
    assert TopicsOptions().uids() is None


@pytest.mark.parametrize(
    ("state", "socket"),
    [
        ("/var/lib/sentinair", "/run/sentinair/topics/topics.sock"),
        ("/srv/state", "/srv/state/run/topics/topics.sock"),
    ],
)
def test_the_socket_lies_beside_the_engines(state: str, socket: str) -> None:
    made = topics(Ground(name="t", host="h", state=Path(state)), TopicsOptions())
    assert str(made._path) == socket
