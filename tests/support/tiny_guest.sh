#!/bin/sh
# Makes the tests' guest: an initramfs of a static busybox, the kernel's virtio modules and one program.
# usage: tiny_guest.sh AGENT OUTPUT.cpio      prints the path of the kernel that it is for
set -eu
agent=$1
output=$2

kernel=$(ls -1 /boot/vmlinuz-*-cloud-amd64 2>/dev/null | sort -V | tail -n 1)
[ -n "$kernel" ] || { echo "no /boot/vmlinuz-*-cloud-amd64: install linux-image-cloud-amd64" >&2; exit 1; }
modules=/lib/modules/${kernel#/boot/vmlinuz-}
busybox=$(command -v busybox) || { echo "no busybox: install busybox-static" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/lib" "$work/root/dev" "$work/root/proc" "$work/root/sys"
cp "$busybox" "$work/root/bin/busybox"
cp "$agent" "$work/root/agent"

# In the order in which they need each other.
wanted="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_mem virtio_console virtio_blk
  failover net_failover virtio_net pvpanic pvpanic-pci evdev button"
loads=
for name in $wanted; do
  file=$(find "$modules/kernel" -name "$name.ko" | head -n 1)
  [ -n "$file" ] || continue   # built in
  cp "$file" "$work/root/lib/"
  loads="$loads $name"
done

cat > "$work/root/init" <<END
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
for module in $loads; do /bin/busybox insmod /lib/\$module.ko; done
/bin/busybox ip link set lo up
/bin/busybox ip link set eth0 up && /bin/busybox ip addr add 10.0.2.15/24 dev eth0
exec /agent
END
chmod 755 "$work/root/init" "$work/root/agent"
(cd "$work/root" && find . | cpio -o -H newc --quiet) > "$output"
echo "$kernel"
