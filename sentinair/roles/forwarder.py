"""The forwarder's role: starts, reports its health, stops.  Its work comes with the sinks."""

from __future__ import annotations

import sys

from sentinair.roles.stub import main

if __name__ == "__main__":
    sys.exit(main("forwarder", sys.argv[1:]))
