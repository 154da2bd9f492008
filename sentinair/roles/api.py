"""The API's role: starts, reports its health, stops.  Its work comes with the API."""

from __future__ import annotations

import sys

from sentinair.roles.stub import main

if __name__ == "__main__":
    sys.exit(main("api", sys.argv[1:]))
