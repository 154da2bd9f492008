"""Every campaign at its small size, on the real agent: what is a count must hold; what is a time is only a figure."""

from __future__ import annotations

from tests.harness.campaigns import NEEDS, kept

pytestmark = NEEDS


def test_a_burst_of_file_operations_is_stored_whole() -> None:
    kept("burst")


def test_a_full_kernel_queue_becomes_a_gap_and_the_truth_is_restored() -> None:
    kept("overflow")


def test_every_closed_file_and_every_setuid_file_can_be_read_of() -> None:
    kept("latency")


def test_an_idle_agent_keeps_its_processes() -> None:
    kept("idle")


def test_killed_roles_lose_nothing_and_store_nothing_twice() -> None:
    kept("kills")


def test_no_secret_of_a_command_line_is_found_anywhere() -> None:
    kept("secrets")


def test_ordinary_work_raises_no_grave_alert() -> None:
    kept("benign")


def test_a_flood_of_one_rule_is_few_rows_with_the_right_count() -> None:
    kept("flood")
