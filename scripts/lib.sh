# Shared by scripts/run and scripts/test: Debian packages, the virtual environment, users.
# shellcheck shell=bash

top=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$top/.venv
# A caller's Python settings must not reach into ours; pip's own settings (PIP_*, pip.conf) are left alone.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
export PYTHONSAFEPATH=1 # the current directory is no place to import from

say() { printf '%s\n' "$*" >&2; }
die() { say "$0: $*"; exit "${status:-1}"; }
is_root() { [ "$(id -u)" = 0 ]; }

# debian PACKAGE…: install them if we are root and this is a Debian; false if they cannot be had.
debian() {
    is_root && command -v apt-get >/dev/null || return 1
    say "installing Debian packages: $*"
    local log
    log=$(mktemp)
    if ! { DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# unpacked PACKAGE…: the programs of Debian packages below .venv/unpacked, without installing them: a test shall not
# give a host a daemon.  False if they cannot be had.
unpacked() {
    local folder=$venv/unpacked work log
    [ -e "$folder/.$1" ] && return
    is_root && command -v apt-get >/dev/null || return 1
    say "unpacking Debian packages: $*"
    work=$(mktemp -d)
    log=$work/log
    if ! (cd "$work" && mkdir -p "$folder" && chmod 755 "$work" &&
        { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; } &&
        for package in ./*.deb; do dpkg -x "$package" "$folder" || exit; done &&
        touch "$folder/.$1") >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -rf "$work"
        return 1
    fi
    rm -rf "$work"
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in /usr/bin/python3 "$(command -v python3 || true)"; do
        if [ -n "$candidate" ] && new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    python=$(find_python) || { debian python3 python3-venv && python=$(find_python); } ||
        die "Python 3.11 or newer is needed; as root: apt-get install python3 python3-venv"
    if ! "$python" -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null; then
        debian python3-venv && "$python" -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null ||
            die "$python cannot make virtual environments; as root: apt-get install python3-venv"
    fi
    say "making .venv with $python"
    "$python" -m venv --clear "$venv" || die "cannot make $venv; see that its folder is writable"
}

works() { new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

fits() { [ -x "$venv/bin/sentinair" ] && [ "$(cat "$venv/stamp.$1" 2>/dev/null)" = "$2" ]; }

# install_locked LOCK…: exactly these packages, and this project as it stands here.
install_locked() {
    local locks=() lock
    for lock; do locks+=(-r "$top/$lock"); done
    # The environment decides where from (PIP_INDEX_URL, PIP_FIND_LINKS, …), we decide where to.
    unset PIP_TARGET PIP_PREFIX PIP_ROOT
    export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
    [ -w "${HOME:-/}" ] || export PIP_NO_CACHE_DIR=1 # no place for a cache: no warning about it
    "$venv/bin/python" -m pip install -q --require-hashes "${locks[@]}" &&
        "$venv/bin/python" -m pip install -q --no-deps --no-index --no-build-isolation \
            --config-settings editable_mode=compat -e "$top"
}

# provide NAME LOCK…: a .venv with these packages and this project; nothing to do when it was done before.
provide() {
    local name=$1 wanted
    shift
    wanted="$top $(cd "$top" && sha256sum setup.cfg pyproject.toml "$@")"
    fits "$name" "$wanted" && return
    (
        umask 022                # role users must be able to read what we install
        exec 9<"$top" && flock 9 # two first starts at once
        fits "$name" "$wanted" && exit
        works || make_venv
        say "installing packages into .venv (once)"
        install_locked "$@" ||
            die "pip could not install, see above; without internet set PIP_NO_INDEX=1 and PIP_FIND_LINKS=<wheels>"
        "$venv/bin/python" -m compileall -q "$top/sentinair" || true
        printf '%s\n' "$wanted" >"$venv/stamp.$name"
    ) || exit 1
}

# build_locked MODULES LOCK: what has no wheel, from its locked source and by the locked setuptools; false if it cannot be had.
build_locked() {
    "$venv/bin/python" -W ignore -c "import $1" 2>/dev/null && return
    (
        umask 022
        exec 9<"$top" && flock 9
        export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
        "$venv/bin/python" -m pip install -q --require-hashes --no-deps --use-pep517 --no-build-isolation -r "$top/$2"
    )
}

# Users and groups of the roles, from the file that systemd takes too (sysusers.d(5)).
make_users() {
    local list=$top/systemd/sysusers.d/sentinair.conf kind name rest
    getent passwd sentinair sentinair-sensor sentinair-api sentinair-fwd >/dev/null &&
        getent group sentinair-read sentinair-admin >/dev/null && return
    say "making the users and groups of systemd/sysusers.d/sentinair.conf"
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers "$list" && return
        say "systemd-sysusers failed, using useradd"
    fi
    while read -r kind name rest; do
        case $kind in
        g) getent group "$name" >/dev/null || groupadd --system "$name" ;;
        u) getent passwd "$name" >/dev/null ||
            useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin "$name" ;;
        m) usermod --append --groups "$rest" "$name" ;;
        esac
    done < <(grep -E '^[gum] ' "$list" | sort -s -k1,1.1) || return 1
}
