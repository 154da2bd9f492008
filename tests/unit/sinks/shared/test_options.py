"""Options that make no sense together are refused where the configuration is read."""

from __future__ import annotations

import msgspec
import pytest

from sentinair.errors import UsageFault
from sentinair.sinks.shared.options import SharedOptions


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"directory": "here"}, "is not absolute"),
        ({"directory": "/srv", "writable": True, "snapshot": True}, "goes with the next one"),
        ({"writable": True}, "told as tampering"),
        ({"mounted": True}, "locks do not work"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_a_remedy(
    options: dict[str, object], what: str
) -> None:
    with pytest.raises(UsageFault, match=what) as refused:
        SharedOptions(**options)  # type: ignore[arg-type]
    assert refused.value.remedy


@pytest.mark.parametrize("options", [{"cap_bytes": 5}, {"snapshot_secs": 0}, {"colour": "red"}])
def test_values_out_of_range_and_unknown_names_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(options, SharedOptions)
