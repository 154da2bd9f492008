"""Ordinary work on a host, as shell scripts that are typed into a login shell, not given on its command line.

A script gets $WORK, an empty folder that is removed afterwards, $MANY, how much of it is to be done, and $HOME within it.
What a script puts outside of $WORK it takes away again.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["ACTS", "Act"]


class Act(msgspec.Struct, frozen=True):
    """One kind of work."""

    name: str
    needs: tuple[str, ...]  # programs without which it is skipped
    script: str


_PACKAGES: Final = r"""
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=60"
again=passwd
[ "$MANY" -gt 1 ] && again="hostname passwd login mount sed gzip openssh-client ca-certificates libpam-modules e2fsprogs"
new=hello
[ "$MANY" -gt 1 ] && new="hello logrotate rsync sudo nano"
missing=$(for name in $new; do dpkg -s "$name" >/dev/null 2>&1 || echo "$name"; done)
$apt install --reinstall $again || exit 3
[ -z "$missing" ] && exit 0
dpkg-query -W -f '${Package}\n' | sort >before
$apt install $missing || exit 3
dpkg-query -W -f '${Package}\n' | sort | comm -13 before - >"$WORK/../installed"
"""
_PURGE: Final = r"""
[ -f "$WORK/../installed" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
export SUDO_FORCE_REMOVE=yes  # where root has no password, sudo refuses to go
apt-get -y -q -o DPkg::Lock::Timeout=60 purge $(cat "$WORK/../installed")
"""
_GIT: Final = r"""
git init -q first && cd first
git config user.name admin && git config user.email admin@localhost
for n in $(seq $((MANY * 40))); do mkdir -p d$((n % 7)); echo "line $n" >d$((n % 7))/f$n.txt; done
printf '#!/bin/sh\nexit 0\n' >.git/hooks/pre-commit && chmod 755 .git/hooks/pre-commit
git add . && git commit -q -m one
git switch -q -c other && echo more >>d1/f1.txt && git commit -q -a -m two && git switch -q -
git merge -q other && git tag v1 && git gc -q
cd .. && git clone -q --no-local first second && git -C second log --oneline >/dev/null
git -C second archive --format=tar v1 | tar -tf - >/dev/null
"""
_BUILD: Final = r"""
mkdir build && cd build
cat >configure <<'END'
#!/bin/sh
echo 'int main(void){return 0;}' >conftest.c
cc -o conftest conftest.c && ./conftest && echo "cc works"
touch -r conftest.c stamp-h1
rm -f conftest conftest.c
END
chmod 755 configure && ./configure
objects=""
for n in $(seq $((MANY * 15))); do echo "int f$n(int x){return x+$n;}" >f$n.c; objects="$objects f$n.o"; done
echo 'int f1(int); int main(void){return f1(-1);}' >main.c
printf 'tool: main.o %s\n\tcc -o $@ $^\ninstall: tool\n\tinstall -m 755 tool /usr/local/bin/benign-tool\n' "$objects" >Makefile
make -s -j2 && make -s install && benign-tool
rm -f /usr/local/bin/benign-tool
"""
_TAR: Final = r"""
from=/usr/share/doc
[ "$MANY" -gt 1 ] && from="/usr/bin /usr/lib /usr/share /usr/sbin"
tar -cf - $from 2>/dev/null | wc -c
tar -czf doc.tgz /usr/share/common-licenses && tar -tzf doc.tgz >/dev/null && mkdir out && tar -xzf doc.tgz -C out
"""
_ROTATE: Final = r"""
mkdir log && for n in $(seq 200); do echo "line $n"; done >log/app.log
if [ -x /usr/sbin/logrotate ]; then
  printf '%s/log/app.log {\n rotate 3\n compress\n missingok\n postrotate\n  true\n endscript\n}\n' "$PWD" >rotate.conf
  chmod 644 rotate.conf
  for n in 1 2 3 4; do echo more >>log/app.log; /usr/sbin/logrotate -f -s state rotate.conf; done
else
  for n in 1 2 3; do mv log/app.log log/app.log.$n && gzip log/app.log.$n && : >log/app.log; done
fi
"""
_BACKUP: Final = r"""
mkdir backup
cp -a /etc backup/etc
tar -czf backup/etc.tgz /etc /root/.ssh /var/spool 2>/dev/null
if command -v rsync >/dev/null; then rsync -a --delete /etc/ backup/mirror/ && rsync -a --delete /etc/ backup/mirror/; fi
sha256sum backup/etc.tgz >backup/SUMS && sha256sum -c backup/SUMS
find backup -name '*.tgz' -mtime +30 -delete
rm -rf backup/etc
"""
_SESSION: Final = r"""
id; whoami; hostname; uptime; date; w; last -n 5
ls -la / /etc /root; df -h; free -m; du -sh /etc; mount | head; lsblk; lsmod | head
ps -ef | head; ps aux --sort=-rss | head -5; top -b -n1 | head -5
ip -br addr; ip route; ss -tlnp; ping -c1 -W1 127.0.0.1
systemctl status; systemctl list-timers; systemctl list-unit-files --state=enabled; journalctl -n 5
dmesg | tail -3; sysctl -a 2>/dev/null | grep -c .; sysctl kernel.hostname; ulimit -a
cat /etc/passwd /etc/os-release; grep -r PermitRootLogin /etc/ssh; getent passwd root; crontab -l
tail -n 20 /var/log/dpkg.log; less /etc/fstab </dev/null; zcat -f /var/log/apt/history.log* | tail -3
find /etc -name '*.conf' -newer /etc/hostname | head; find /usr/bin -size +10M
mkdir notes && cd notes && echo one >a.txt && cp a.txt b.txt && mv b.txt c.txt && chmod 640 c.txt && chown root:adm c.txt
sed -i s/one/two/ a.txt; awk '{print $1}' a.txt; sort a.txt | uniq -c; diff a.txt c.txt; ln -s a.txt l; touch -d yesterday a.txt
tar -czf notes.tgz a.txt c.txt; base64 a.txt | base64 -d; md5sum a.txt; file notes.tgz; split -b 10 a.txt part-
vim -es -u NONE -c 'normal Ohello' -c 'wq' note.txt </dev/null
echo '# setting' >/etc/benign-tool.conf && vim -es -u NONE -c 'normal ovalue=1' -c 'wq' /etc/benign-tool.conf </dev/null
chmod 600 /etc/benign-tool.conf; rm -f /etc/benign-tool.conf
ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -lf key.pub; ssh -V
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 1 -subj /CN=test 2>/dev/null
openssl x509 -noout -subject -in c.pem; gpg --version | head -1; curl --version | head -1
python3 -c 'import json; print(json.dumps({"a": 1}))'; perl -e 'print 1'; bash -c 'echo shell'; env | wc -l; nice -n 5 true
command -v sudo >/dev/null && { sudo -n -l; sudo -n ls /root; sudo -n -u nobody id; }
su -s /bin/sh -c id nobody; passwd -S root; chage -l root; visudo -c; dpkg -V hostname; dpkg -l | wc -l
sleep 5 & kill %1; man -w ls; which ls; history | tail -2; strace -o trace.txt true; gdb --version | head -1
"""

ACTS: Final = (
    Act("packages", ("apt-get", "dpkg"), _PACKAGES),
    Act("git", ("git",), _GIT),
    Act("build", ("make", "cc"), _BUILD),
    Act("tar", ("tar",), _TAR),
    Act("rotation", ("gzip",), _ROTATE),
    Act("backup", ("cp", "tar"), _BACKUP),
    Act("session", (), _SESSION),
    Act("packages removed", ("apt-get", "dpkg"), _PURGE),
)
