"""Plain TCP to a socket of this process; the receivers of others are in tests/integration/sinks."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from sentinair.errors import SinkAway
from sentinair.sinks.syslog.transport import Stream


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(5)
        made.bind(("127.0.0.1", 0))
        made.listen(1)
        yield made


def test_a_receiver_that_says_nothing_is_not_waited_for(
    receiver: socket.socket,
) -> None:
    stream = Stream("127.0.0.1", receiver.getsockname()[1])
    stream.open()
    peer, _ = receiver.accept()
    with peer:
        for number in range(20):
            stream.send([b"%d " % number, b"x"])
            stream.check()
        stream.close()
        peer.settimeout(5)
        assert peer.makefile("rb").read() == b"".join(b"%d x" % number for number in range(20))


def test_a_receiver_that_closed_is_away_before_anything_is_sent_into_nothing(
    receiver: socket.socket,
) -> None:
    stream = Stream("127.0.0.1", receiver.getsockname()[1])
    stream.open()
    peer, _ = receiver.accept()
    peer.sendall(b"a word that nobody asked for")
    stream.send([b"x"])
    peer.close()
    with pytest.raises(SinkAway):
        for _ in range(20):  # what was said comes before the end
            stream.check()
            time.sleep(0.05)
    stream.close()
    with pytest.raises(SinkAway, match="not connected"):
        stream.send([b"x"])


def test_a_port_where_nobody_listens_is_away() -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
    with pytest.raises(SinkAway, match="refused"):
        Stream("127.0.0.1", port).open()
