#!/bin/bash
# Usage: [RIG_DIR=/tmp/rig] tests/rig/build_image.sh [--force]
# Builds the guest as root: $RIG_DIR/{base.qcow2,vmlinuz,initrd.img} from Debian 12's own packages, through this
# machine's apt sources.  A built image is kept unless --force is given.
set -euo pipefail
rig=${RIG_DIR:-/tmp/rig}
sources=${RIG_SOURCES:-/etc/apt/sources.list.d/debian.sources}
packages=systemd,systemd-sysv,udev,dbus,kmod,procps,mount,e2fsprogs,util-linux,python3,python3-venv
packages+=,qemu-guest-agent,busybox-static,linux-image-amd64
nice=(nice -n 15)

if [ "${1:-}" = --force ]; then rm -rf "$rig/root" "$rig/base.qcow2" "$rig/vmlinuz" "$rig/initrd.img"; fi
if [ -e "$rig/base.qcow2" ]; then echo "already built: $rig/base.qcow2"; exit 0; fi
mkdir -p "$rig"
root=$rig/root

export DEBIAN_FRONTEND=noninteractive
need=()
for pair in qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap cpio:cpio; do
    command -v "${pair%%:*}" >/dev/null || need+=("${pair##*:}")
done
if [ ${#need[@]} -gt 0 ]; then
    "${nice[@]}" apt-get update -qq
    "${nice[@]}" apt-get install -qq -y --no-install-recommends "${need[@]}" seabios </dev/null >/dev/null
fi

rm -rf "$root"
# The initramfs is ours (below), so initramfs-tools is told not to build one; no documentation, no locales.
"${nice[@]}" mmdebstrap --mode=root --variant=minbase --include="$packages" \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='force-confold' --dpkgopt='force-unsafe-io' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --essential-hook="mkdir -p \"\$1/etc/initramfs-tools\" &&
        echo update_initramfs=no >\"\$1/etc/initramfs-tools/update-initramfs.conf\"" \
    bookworm "$root" "$sources" >"$rig/mmdebstrap.log" 2>&1 || { tail -20 "$rig/mmdebstrap.log"; exit 1; }

kernel=$(ls "$root/lib/modules")
cp "$root/boot/vmlinuz-$kernel" "$rig/vmlinuz"
modules=$root/lib/modules/$kernel/kernel
# Drivers that no guest of ours can have are most of the image.
(cd "$modules/drivers" && rm -rf gpu media infiniband staging isdn iio net/ethernet net/wireless net/can platform hwmon edac mtd)
rm -rf "$modules/sound" "$modules/arch/x86/kvm"
depmod -b "$root" "$kernel"
rm -rf "$root/boot/"* "$root/var/cache/apt/"* "$root/var/lib/apt/lists/"*

echo rigvm >"$root/etc/hostname"
echo '127.0.0.1 localhost rigvm' >"$root/etc/hosts"
echo 'LABEL=rigroot / ext4 rw,relatime 0 1' >"$root/etc/fstab"
echo 8f1d2c3b4a5968778695a4b3c2d1e0f0 >"$root/etc/machine-id"
mkdir -p "$root/var/log/journal" "$root/mnt/in" "$root/etc/systemd/system.conf.d"
# Emulation is slow: what takes a second elsewhere may take fifteen here.
printf '[Manager]\nDefaultTimeoutStartSec=180s\nDefaultDeviceTimeoutSec=120s\n' >"$root/etc/systemd/system.conf.d/rig.conf"
# A disk labelled rigin is mounted on /mnt/in where present.
cat >"$root/etc/udev/rules.d/99-rig.rules" <<'RULE'
SUBSYSTEM=="block", ACTION=="add", ENV{ID_FS_LABEL}=="rigin", RUN+="/usr/bin/systemd-mount --no-block --options=ro /dev/%k /mnt/in"
RULE
# Timers that would wake up in a test are off.
chroot "$root" systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer >/dev/null 2>&1 || true
chroot "$root" systemctl enable qemu-guest-agent.service >/dev/null 2>&1 || true

# Our initramfs: static busybox and the modules the root disk needs.
early=$(mktemp -d)
trap 'rm -rf "$early"' EXIT
mkdir -p "$early"/{bin,proc,sys,dev,newroot,mod}
cp "$root/bin/busybox" "$early/bin/busybox"
# crc32c is asked for by name when ext4 is mounted, so modprobe does not list it.
for found in "$modules"/crypto/crc32c_generic.ko* "$modules"/arch/x86/crypto/crc32c-intel.ko*; do
    if [ -e "$found" ]; then cp "$found" "$early/mod/"; basename "$found" >>"$early/mod/order"; fi
done
for wanted in virtio_pci virtio_blk ext4; do
    chroot "$root" modprobe -S "$kernel" --show-depends "$wanted" | awk '$1 == "insmod" {print $2}' | while read -r found; do
        name=$(basename "$found")
        if ! grep -qx "$name" "$early/mod/order"; then cp "$root$found" "$early/mod/$name"; echo "$name" >>"$early/mod/order"; fi
    done
done
cat >"$early/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys; /bin/busybox mount -t devtmpfs dev /dev
while read m; do /bin/busybox insmod /mod/$m 2>/dev/null; done < /mod/order
n=0; while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do /bin/busybox usleep 50000; n=$((n+1)); done
/bin/busybox mount -t ext4 -o rw /dev/vda /newroot || { echo "rig: no root"; exec /bin/busybox sh; }
/bin/busybox umount /proc; /bin/busybox umount /sys; /bin/busybox mount --move /dev /newroot/dev
exec /bin/busybox switch_root /newroot /sbin/init
INIT
chmod +x "$early/init"
(cd "$early" && find . | cpio -o -H newc --quiet | gzip -1) >"$rig/initrd.img"

"${nice[@]}" mke2fs -q -t ext4 -L rigroot -E lazy_itable_init=0,root_owner=0:0 -m 0 -d "$root" "$rig/base.raw" 3072M
"${nice[@]}" qemu-img convert -O qcow2 "$rig/base.raw" "$rig/base.qcow2.part"
rm -rf "$rig/base.raw" "$root"
mv "$rig/base.qcow2.part" "$rig/base.qcow2"
du -h "$rig/base.qcow2" "$rig/vmlinuz" "$rig/initrd.img"
