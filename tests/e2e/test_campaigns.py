"""Every campaign at its small size, on the real agent: what is a count must hold; what is a time is only a figure."""

from __future__ import annotations

from tests.harness.campaigns import NEEDS, broken

pytestmark = NEEDS


def test_a_burst_of_file_operations_is_stored_whole() -> None:
    assert broken("burst") == []


def test_a_full_kernel_queue_becomes_a_gap_and_the_truth_is_restored() -> None:
    assert broken("overflow") == []


def test_every_closed_file_and_every_setuid_file_can_be_read_of() -> None:
    assert broken("latency") == []


def test_an_idle_agent_keeps_its_processes() -> None:
    assert broken("idle") == []


def test_an_idle_forwarder_keeps_its_process_whatever_its_sinks() -> None:
    assert broken("idle_sinks") == []


def test_killed_roles_lose_nothing_and_store_nothing_twice() -> None:
    assert broken("kills") == []


def test_no_secret_of_a_command_line_is_found_anywhere() -> None:
    assert broken("secrets") == []


def test_ordinary_work_raises_no_grave_alert() -> None:
    assert broken("benign") == []


def test_a_flood_of_one_rule_is_few_rows_with_the_right_count() -> None:
    assert broken("flood") == []


def test_an_export_is_whole_and_its_writer_stays_small() -> None:
    assert broken("export") == []
