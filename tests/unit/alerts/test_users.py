from __future__ import annotations

from sentinair.alerts.users import names_from_passwd


def test_names_come_from_passwd_and_the_first_name_of_a_uid_counts() -> None:
    text = b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n# no\nu:x:x:1:::\nz\xff:x:7:7:::\n"
    assert names_from_passwd(text) == {0: "root", 7: "z\ufffd"}
