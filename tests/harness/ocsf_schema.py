"""OCSF 1.8 by the JSON Schemas of its classes."""

from __future__ import annotations

import importlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["ocsf_faults", "ocsf_missing"]

CLASSES = {2004: "detection_finding", 1001: "file_activity", 1007: "process_activity"}


@cache
def _validator(number: int) -> Any:
    jsonschema: Any = importlib.import_module("jsonschema")
    folder = Path(os.environ["SENTINAIR_TEST_DATA"]) / "formats" / "ocsf"
    schema = json.loads((folder / f"{CLASSES[number]}.v1.8.0.schema.json").read_text("utf-8"))
    assert schema["additionalProperties"] is False
    return jsonschema.Draft202012Validator(schema)


def ocsf_faults(found: Any) -> list[str]:
    """What the schema of its class says against an event.  Needs the test data."""
    wrong = _validator(found["class_uid"]).iter_errors(found)
    return [f"{list(one.absolute_path)}: {one.message}" for one in wrong]


def ocsf_missing() -> str | None:
    """Why there are no schemas here; None: there are."""
    there = "SENTINAIR_TEST_DATA" in os.environ
    return None if there else "needs SENTINAIR_TEST_DATA, the folder that holds formats/ocsf"
