"""Every file the community publishes for Linux: it runs, or its reason not to is said."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from sentinair.detect.fields import FILE_EVENT, NETWORK_CONNECTION, PROCESS_CREATION
from sentinair.detect.sigma.files import read_rule
from tests.harness.sigma_rules import NEEDS_DATA, SigmaFile, sigma_files

pytestmark = pytest.mark.skipif("SENTINAIR_TEST_DATA" not in os.environ, reason=NEEDS_DATA)
RUN = {PROCESS_CREATION: 122, FILE_EVENT: 8, NETWORK_CONNECTION: 5}
REFUSED = {  # by the service whose log they read: none of them is a source of ours
    "auditd": 53,
    "no service": 15,
    "syslog": 2,
    "clamav": 1,
    "cron": 1,
    "guacamole": 1,
    "sshd": 1,
    "vsftpd": 1,
}


@pytest.fixture(scope="module")
def files() -> list[SigmaFile]:
    return sigma_files()


def test_every_file_for_processes_files_and_connections_runs(files: list[SigmaFile]) -> None:
    run: Counter[str] = Counter()
    for file in files:
        rule, faults = read_rule(file.text, str(file.path))
        assert (rule is None) == bool(faults)
        if rule is not None:
            run[rule.logsource] += 1
            assert (rule.author, rule.id) == (file.values["author"], file.id)
            assert rule.link == next(iter(file.values.get("references", [])), None)
        else:
            assert file.category is None
    assert run == RUN


def test_every_other_file_is_refused_for_its_log_source_at_its_line(
    files: list[SigmaFile],
) -> None:
    refused: Counter[str] = Counter()
    for file in files:
        rule, faults = read_rule(file.text, file.path.name)
        if rule is not None:
            continue
        source = file.values["logsource"]
        refused[source.get("service", "no service")] += 1
        line = next(
            number
            for number, text in enumerate(file.text.decode().splitlines(), 1)
            if text.startswith("logsource:")
        )
        (fault,) = faults
        assert fault.where == f"{file.path.name}:{line + 1}"
        assert source.get("service", "linux") in fault.what
        assert fault.remedy
    assert refused == REFUSED
