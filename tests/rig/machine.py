"""One guest: start, power cut, resume, power off.  Nothing of it outlives its qemu but the disk."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.rig.wire import Answer, GuestAgent, Monitor, RigFault

__all__ = ["Machine", "pack", "rig_folder", "why_not"]

MEMORY_MB = 1024
NICE = ["nice", "-n", "15"]
BOOT_SECS = 300.0
COMMAND_SECS = 120.0
APPEND = (
    "root=/dev/vda rw console=ttyS0 quiet loglevel=5 systemd.show_status=0 net.ifnames=0 "
    "random.trust_cpu=on tsc=reliable no_timer_check mitigations=off panic=-1"
)
IMAGE = ("base.qcow2", "vmlinuz", "initrd.img")


def rig_folder() -> Path:
    """Where the image, the disks and the sockets lie."""
    return Path(os.environ.get("RIG_DIR", "/tmp/rig"))


def why_not() -> str | None:
    """None if a guest can be started, else the reason."""
    absent = [name for name in IMAGE if not (rig_folder() / name).exists()]
    if absent:
        return f"no guest image in {rig_folder()}: run tests/rig/build_image.sh as root"
    return None


def pack(folder: Path, image: Path) -> None:
    """A read-only disk with what lies in folder; the guest mounts it on /mnt/in by its label."""
    du = subprocess.run(["du", "-sm", str(folder)], check=True, capture_output=True, text=True)
    mb = int(du.stdout.split()[0]) * 5 // 4 + 16
    image.unlink(missing_ok=True)
    words = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-L", "rigin"]
    subprocess.run([*NICE, *words, "-d", str(folder), str(image), f"{mb}M"], check=True)


class Machine:
    """A guest on a disk of its own, laid over the image.  Use with `with`: at its end the power is cut."""

    def __init__(self, name: str, disk_in: Path) -> None:
        self.folder = rig_folder() / "vms" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._name, self._disk_in = name, disk_in
        self._qemu: subprocess.Popen[bytes] | None = None
        self.monitor = Monitor(self.folder / "qmp.sock")
        self.agent = GuestAgent(self.folder / "qga.sock")

    def __enter__(self) -> Self:
        disk = self.folder / "disk.qcow2"
        disk.unlink(missing_ok=True)
        words = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]
        subprocess.run([*words, str(rig_folder() / "base.qcow2"), str(disk)], check=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    def _command(self) -> list[str]:
        here, rig = self.folder, rig_folder()
        words = ["qemu-system-x86_64", "-name", f"rig-{self._name}", "-nodefaults"]
        words += ["-no-user-config", "-display", "none", "-nic", "none", "-rtc", "base=utc"]
        # KVM nested in a virtual machine is slower than none, or dies: emulation works everywhere.
        words += ["-machine", "pc,graphics=off,vmport=off", "-accel", "tcg,tb-size=256"]
        words += ["-cpu", "max", "-m", str(MEMORY_MB), "-smp", "1", "-append", APPEND]
        words += ["-kernel", str(rig / "vmlinuz"), "-initrd", str(rig / "initrd.img")]
        words += ["-drive", f"if=virtio,file={here}/disk.qcow2,format=qcow2,cache=writeback"]
        words += ["-drive", f"if=virtio,file={self._disk_in},format=raw,readonly=on"]
        words += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        words += ["-chardev", f"socket,id=qga,path={here}/qga.sock,server=on,wait=off"]
        words += ["-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"]
        words += ["-serial", f"file:{here}/console.log"]
        return [*words, "-qmp", f"unix:{here}/qmp.sock,server=on,wait=off"]

    def start(self) -> None:
        """Boots from the disk as it is.  Raises RigFault if systemd has not settled in time."""
        for name in ("qmp.sock", "qga.sock"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("wb") as log:
            self._qemu = subprocess.Popen(
                [*NICE, *self._command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.await_agent()
        self.run("systemctl is-system-running --wait", BOOT_SECS)

    def await_agent(self) -> None:
        """Until the agent in the guest answers, after a start or a reset."""
        by = time.monotonic() + BOOT_SECS
        while time.monotonic() < by:
            if self._qemu is None or self._qemu.poll() is not None:
                raise RigFault("qemu ended: " + (self.folder / "qemu.log").read_text()[-400:])
            try:
                self.agent.ask("guest-ping", secs=1.0)
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RigFault("no guest agent: " + (self.folder / "console.log").read_text()[-400:])

    def run(self, command: str, secs: float = COMMAND_SECS) -> Answer:
        """A shell command as root in the guest, whatever its exit status."""
        return self.agent.run(command, secs)

    def must(self, command: str, secs: float = COMMAND_SECS) -> str:
        """The output of a command that must succeed.  Raises RigFault with what it said if not."""
        answer = self.run(command, secs)
        if answer.status:
            raise RigFault(f"{command!r} gave {answer.status}: {answer.out}{answer.err}")
        return answer.out

    def cut_power(self) -> None:
        """The machine is gone at once; nothing is flushed inside it."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None
