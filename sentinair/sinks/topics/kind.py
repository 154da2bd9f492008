"""Topics made from their options in sinks.yaml."""

from __future__ import annotations

import time
from pathlib import Path

from sentinair.sinks.ground import Ground, run_folder
from sentinair.sinks.topics.options import TopicsOptions
from sentinair.sinks.topics.sink import TopicsSink

__all__ = ["topics"]


def topics(ground: Ground, options: TopicsOptions) -> TopicsSink:
    """Listens to nobody yet."""
    path = (
        Path(options.socket)
        if options.socket
        else run_folder(ground.state) / "topics" / "topics.sock"
    )
    return TopicsSink(ground.name, path, options, time.time_ns, time.monotonic_ns)
