"""The process connector's messages, from bytes; the real kernel speaks in tests/integration/test_cnproc.py."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sentinair.errors import PermissionFault
from sentinair.kernel import cnproc
from sentinair.kernel.cnproc import Exec, Exit, Fork, Lost, ProcConnector, Raw, Uid


def reader() -> ProcConnector:
    """A connector without a socket, for messages made here."""
    connector = ProcConnector.__new__(ProcConnector)
    connector.received = connector.lost = 0
    connector._cpus = {}
    connector._loss = None
    connector._overflowed = False
    connector._settled = 0.0
    return connector


def message(
    what: int, *fields: int, cpu: int = 0, seq: int = 0, ns: int = 1, idx: int = 1
) -> bytes:
    head = struct.pack("=IHHII", 76, 3, 0, 0, 0) + struct.pack("=IIIIHH", idx, 1, seq, 0, 40, 0)
    return (
        head
        + struct.pack("=IIQ", what, cpu, ns)
        + struct.pack("=6I", *fields, *[0] * (6 - len(fields)))
    )


def taken(connector: ProcConnector, *messages: bytes) -> list[Raw]:
    found: list[Raw] = []
    for one in messages:
        connector._room = bytearray(one)
        connector._take(found)
    return found


def test_fork_exec_uid_and_exit_are_told_of_processes() -> None:
    found = taken(
        reader(),
        message(1, 10, 11, 20, 20, seq=0, ns=5),
        message(2, 20, 20, seq=1, ns=6),
        message(4, 20, 20, 1000, 0, seq=2, ns=7),
        message(0x80000000, 20, 20, 256, 17, seq=3, ns=8),
    )
    assert found == [Fork(5, 11, 20), Exec(6, 20), Uid(7, 20, 1000, 0), Exit(8, 20, 256)]


def test_threads_are_not_processes() -> None:
    found = taken(
        reader(), message(1, 10, 10, 21, 20, seq=0), message(0x80000000, 21, 20, 0, 0, seq=1)
    )
    assert found == []


def test_an_answer_to_somebodys_subscription_takes_a_number_of_its_cpu() -> None:
    connector = reader()
    taken(connector, message(2, 1, 1, cpu=0, seq=5))
    assert taken(connector, message(0, 0, cpu=0, seq=6)) == []
    taken(connector, message(2, 1, 1, cpu=0, seq=7))
    assert (connector.received, connector.lost) == (3, 0)


def test_messages_of_another_connector_do_not_count() -> None:
    connector = reader()
    assert taken(connector, message(2, 1, 1, idx=9)) == []
    assert (connector.received, connector.lost) == (0, 0)


def test_a_hole_in_the_numbers_of_one_cpu_is_counted_exactly() -> None:
    connector = reader()
    taken(connector, message(2, 1, 1, cpu=0, seq=5, ns=10), message(2, 2, 2, cpu=1, seq=900, ns=11))
    taken(connector, message(2, 3, 3, cpu=0, seq=9, ns=20), message(2, 4, 4, cpu=1, seq=901, ns=21))
    found: list[Raw] = []
    assert not connector._settle(found)
    assert found == [Lost(3, 10, 20)]
    assert (connector.received, connector.lost) == (4, 3)


def test_holes_of_several_cpus_become_one_loss() -> None:
    connector = reader()
    taken(connector, message(2, 1, 1, cpu=0, seq=0, ns=10), message(2, 1, 1, cpu=1, seq=0, ns=12))
    taken(connector, message(2, 1, 1, cpu=0, seq=4, ns=30), message(2, 1, 1, cpu=1, seq=3, ns=25))
    found: list[Raw] = []
    connector._settle(found)
    assert found == [Lost(5, 10, 30)]


def test_the_counter_wraps_without_a_loss() -> None:
    connector = reader()
    taken(
        connector, message(2, 1, 1, seq=2**32 - 1), message(2, 1, 1, seq=0), message(2, 1, 1, seq=1)
    )
    assert (connector.received, connector.lost) == (3, 0)


@given(some.lists(some.tuples(some.integers(0, 3), some.booleans()), max_size=200))
def test_received_and_lost_are_what_was_sent(sent: list[tuple[int, bool]]) -> None:
    connector = reader()
    numbers = dict.fromkeys(range(4), 0)
    counted = 0
    for cpu, arrives in (
        [(cpu, True) for cpu in range(4)] + sent + [(cpu, True) for cpu in range(4)]
    ):
        if arrives:
            taken(connector, message(2, 1, 1, cpu=cpu, seq=numbers[cpu]))
        numbers[cpu] += 1
        counted += 1
    assert connector.received + connector.lost == counted


@given(some.binary(min_size=68, max_size=120))
def test_after_any_bytes_the_next_message_is_understood(data: bytes) -> None:
    connector = reader()
    taken(connector, data)
    assert Exec(9, 5) in taken(connector, message(2, 5, 5, ns=9))


def test_a_subscription_has_the_form_the_kernel_wants() -> None:
    asked = cnproc._asking(1)
    assert len(asked) == struct.unpack_from("=I", asked)[0] == 40
    assert struct.unpack_from("=II", asked, 16) == (1, 1)  # CN_IDX_PROC, CN_VAL_PROC


class Refusing:
    """A socket whose send fails, as the kernel makes it fail where there is no connector."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.options: list[int] = []
        self.closed = False

    def setsockopt(self, _level: int, option: int, _value: int) -> None:
        self.options.append(option)
        if option != socket.SO_RCVBUF:
            raise PermissionError(errno.EPERM, "not permitted")

    def bind(self, _: tuple[int, int]) -> None:
        return None

    def send(self, _: bytes) -> int:
        raise OSError(self.code, "refused")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.EPERM, "CAP_NET_ADMIN"), (errno.ECONNREFUSED, "network namespace")],
)
def test_a_refused_subscription_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    refusing = Refusing(code)
    monkeypatch.setattr(socket, "socket", lambda *_: refusing)
    with pytest.raises(PermissionFault, match=remedy):
        ProcConnector(1 << 20)
    assert refusing.closed
    assert refusing.options[-1] == socket.SO_RCVBUF  # without the privilege: what anybody may have
    probe = cnproc.probe()
    assert not probe.works
    assert remedy in probe.reason


def test_a_kernel_without_a_connector_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: int) -> socket.socket:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(socket, "socket", absent)
    assert "Protocol not supported" in cnproc.probe().reason


def answering(*answers: bytes) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for answer in answers:
        theirs.send(answer)
    theirs.close()
    return ours


def test_the_answer_to_a_subscription_is_waited_for_and_its_error_told() -> None:
    with answering(b"short", message(2, 1, 1), message(0, 0)) as link:
        cnproc._await_ack(link)
    with answering(message(0, errno.EPERM)) as link, pytest.raises(PermissionError):
        cnproc._await_ack(link)


def test_no_answer_to_a_subscription_names_the_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnproc, "_ACK_SECS", 0.05)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, pytest.raises(PermissionFault, match="pid and network namespaces"):
        cnproc._await_ack(ours)
