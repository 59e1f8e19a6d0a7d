#!/bin/bash
# system.sh OUT: a directory with a small Debian that systemd boots, for system containers. As root; OUT appears whole or not at all.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1

[ -e "$out" ] && exit 0
# mmdebstrap mounts: not where others see it.
[ -n "${LMCTFY_IMAGE_NAMESPACE-}" ] || LMCTFY_IMAGE_NAMESPACE=1 exec unshare --mount --propagation private bash "$0" "$@"

work=$out.unfinished
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

"$here/sources.sh" >"$work/sources.list"
mmdebstrap --quiet --mode=root --variant=essential \
  --include="$("$here/../../scripts/install-debian" --list system | paste -sd,)" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm "$work/root" - <"$work/sources.list"

root=$work/root
# As new at each boot: systemd gives it a name of its own.
: >"$root/etc/machine-id"
rm -rf "$root"/var/log/journal "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
mv -T "$root" "$out"
