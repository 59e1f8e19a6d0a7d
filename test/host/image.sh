#!/bin/bash
# image.sh OUT: makes the test host's kernel, initramfs and root file system from Debian packages, as root.
# OUT appears whole or not at all. Called under a lock (image.ts); nothing is mounted outside its own mount namespace.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1

[ -e "$out" ] && exit 0
[ -n "${LMCTFY_IMAGE_NAMESPACE-}" ] || LMCTFY_IMAGE_NAMESPACE=1 exec unshare --mount --propagation private bash "$0" "$@"

rm -rf "$(dirname "$out")"/*.unfinished
work=$out.unfinished
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# ---- packages ---------------------------------------------------------------------------------------------

packages=$("$here/../../scripts/install-debian" --list guest)
kernel=$(grep '^linux-image-' <<<"$packages")
include=$(grep -v '^linux-image-' <<<"$packages" | paste -sd,)

"$here/sources.sh" >"$work/sources.list"

# The kernel's package is unpacked, not installed: it would bring and run initramfs-tools.
mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook='chroot "$1" sh -ec "cd /tmp; apt-get -q install --download-only -y --no-install-recommends '"$kernel"' >/dev/null"' \
  --customize-hook="cp \"\$1\"/var/cache/apt/archives/linux-image-*.deb $work/" \
  bookworm "$work/root" - <"$work/sources.list"

rm -f "$work/linux-image-amd64"_*.deb
dpkg-deb -x "$work"/linux-image-*.deb "$work/kernel"
release=$(ls "$work/kernel/lib/modules")

# ---- kernel: unpacked here, which is faster than letting the emulated machine do it --------------------------

bzimage=$work/kernel/boot/vmlinuz-$release
number() { od -An -t "u$2" -j $(($1)) -N "$2" "$bzimage" | tr -d ' '; }
offset=$((($(number 0x1f1 1) + 1) * 512 + $(number 0x248 4)))
tail -c +$((offset + 1)) "$bzimage" | xz --single-stream -dc >"$work/vmlinux" 2>/dev/null || true
head -c 4 "$work/vmlinux" | grep -q ELF || cp "$bzimage" "$work/vmlinux"

# ---- root file system -----------------------------------------------------------------------------------------

modules=$work/root/lib/modules/$release
mkdir -p "$(dirname "$modules")"
mv "$work/kernel/lib/modules/$release" "$modules"
# Drivers for hardware that the test host cannot have: two thirds of the image.
(
  cd "$modules/kernel"
  rm -rf sound drivers/{accessibility,ata,bluetooth,edac,firewire,gpu,hid,hv,hwmon,i2c,iio,infiniband,input,isdn,leds} \
    drivers/{media,mfd,mmc,mtd,nfc,nvme,pinctrl,platform,power,rtc,staging,target,thunderbolt,usb,video,w1,watchdog,xen} \
    drivers/net/{arcnet,can,ethernet,fddi,hamradio,ieee802154,phy,usb,wan,wireless,wwan}
)
chroot "$work/root" depmod "$release"

install -m 755 "$here/guest/init" "$work/root/sbin/testhost-init"
install -m 644 "$here"/guest/testhost.{service,target} "$work/root/etc/systemd/system/"
mkdir -p "$work/root/host"
ln -s /dev/null "$work/root/etc/systemd/system/lxcfs.service"
# For the tests of system containers.
"$here/system.sh" "$work/root/srv/system"
echo testhost >"$work/root/etc/hostname"
printf '127.0.0.1\tlocalhost testhost\n::1\tlocalhost\n' >"$work/root/etc/hosts"
: >"$work/root/etc/resolv.conf"
rm -f "$work/root/etc/machine-id" && : >"$work/root/etc/machine-id"

mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0 -N 200000 -L testhost -d "$work/root" "$work/root.ext4" 8G

# ---- initramfs: just enough to find the root ---------------------------------------------------------------------

initramfs=$work/initramfs
mkdir -p "$initramfs"/{bin,dev,lib,root}
cp "$work/root/bin/busybox" "$initramfs/bin/"
install -m 755 "$here/guest/initramfs" "$initramfs/init"
number=100
for module in virtio_pci virtio_blk ext4 9p 9pnet_virtio; do
  chroot "$work/root" modprobe -S "$release" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
  number=$((number + 1))
  cp "$work/root$file" "$initramfs/lib/$number-$(basename "$file")"
done
(cd "$initramfs" && find . | sort | cpio --quiet -o -H newc) >"$work/initramfs.cpio"

rm -rf "$work/root" "$work/kernel" "$initramfs" "$work"/*.deb "$work/sources.list"
mv -T "$work" "$out"
trap - EXIT
