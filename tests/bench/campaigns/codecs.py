"""Records a second of processor time through each codec, beside msgspec's own JSON of the same entries."""

from __future__ import annotations

from tests.bench.bed import Promises
from tests.bench.bench_codecs import measure
from tests.bench.figures import Figures

SIZES = {"small": 100, "full": 2_000}  # entries of each kind
LIMITS = {"cef_alerts_per_s": 250_000, "ndjson_of_msgspec": 0.5}


def run(size: str) -> Figures:
    """Figures only: what the codecs write is proved by their own tests."""
    return Promises().onto(measure(SIZES[size]) | {"limits": LIMITS})
