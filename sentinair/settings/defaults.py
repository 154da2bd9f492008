"""The lists that ship: what is watched, left out, critical, hashed and watched for reading.

A path names itself and everything below it; * and ? stay within one step, ** spans any number of steps.
The state directory is always watched and always critical, whatever stands here.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CRITICAL", "HASH", "IGNORE", "READ_WATCH", "WATCH"]

_STARTUP: Final = (
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".zlogin",
    ".config/fish/config.fish",
    ".pam_environment",
)

# Debian 12 and RHEL 8+ have a merged /usr: /bin, /sbin and /lib are links into it, so kernel modules
# (/usr/lib/modules) and packaged units (/usr/lib/systemd) are inside /usr.
WATCH: Final = (
    "/etc",
    "/boot",
    "/usr",
    "/root",
    "/home/*/.ssh",
    *(f"/home/*/{name}" for name in _STARTUP),
    "/home/*/.config/systemd",
    "/home/*/.config/autostart",
    "/var/spool/cron",
    "/var/spool/at",
    "/var/lib/systemd/linger",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/run/modprobe.d",
    "/opt/sentinair",  # where the units expect the program
)

IGNORE: Final = (
    "/etc/.pwd.lock",
    "/etc/adjtime",
    "/etc/ld.so.cache~",
    "/etc/mtab",
    "/etc/cups/subscriptions.conf*",
    "/etc/lvm/archive",
    "/etc/lvm/backup",
    "/etc/**/*.swp",
    "/etc/**/*.swx",
    "/etc/**/4913",
    "/root/.cache",
    "/root/.local/share",
    "/root/.mozilla",
    "/root/.npm",
    "/root/.bash_history-*.tmp",
    "/root/.lesshst",
    "/root/.python_history",
    "/root/.viminfo*",
    "/root/**/__pycache__",
    "/root/**/.git",
    "/root/**/*.swp",
    "/root/**/*.swx",
    "/root/**/4913",
    "/opt/sentinair/.git",
    "/opt/sentinair/**/__pycache__",
    "/usr/**/__pycache__",
    "/usr/share/mime",
    "/usr/share/icons/**/icon-theme.cache",
    "/var/spool/cron/atspool",
)

CRITICAL: Final = (
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ld.so.preload",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/pam.conf",
    "/etc/pam.d",
    "/etc/security",
    "/etc/ssh",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/systemd/system",
    "/etc/modules",
    "/etc/modules-load.d",
    "/etc/modprobe.d",
    "/etc/audit",
    "/etc/rsyslog.conf",
    "/etc/rsyslog.d",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/bash.bashrc",
    "/etc/sentinair",
    "/opt/sentinair/config",
    "/opt/sentinair/sentinair",
    "/root/.ssh",
    *(f"/root/{name}" for name in _STARTUP),
    "/home/*/.ssh",
    "/run/systemd/system",
    "/var/spool/cron",
)

HASH: Final = (
    "/boot",
    "/etc",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib/modules",
    "/usr/lib/systemd",
    "/usr/lib/security",
    "/usr/lib/*/security",
    "/usr/libexec",
    "/usr/local",
    "/root/.ssh",
    "/home/*/.ssh",
    "/var/spool/cron",
)

READ_WATCH: Final = (
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
)
