#!/usr/bin/env bash
# Builds the guest kernel and keeps it outside the tree, under a name made of its source and configuration.
# Needs no root, and the packages of scripts/install-packages --kernel. Prints the folder with vmlinuz, vmlinux (amd64: for
# PVH boot) and config.
#   kernel/build.sh [--arch amd64|arm64] [--source TREE|TARBALL] [-j N] [--find]
#   --source      a kernel's source (default: /usr/src/linux-source-6.1.tar.xz of Debian's package linux-source-6.1)
#   -j            processes side by side (default: the cores of this machine)
#   --find        build nothing: print the newest kernel of this configuration that is there; exit code 1 when none is
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/neonvm/kernel
arch=amd64 source= jobs=$(nproc) find=no
fail() { echo "kernel/build.sh: $*" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case "$1" in
    --arch) arch=${2:?--arch needs amd64 or arm64}; shift 2 ;;
    --source) source=${2:?--source needs a folder or a tarball}; shift 2 ;;
    -j) jobs=${2:?-j needs a number}; shift 2 ;;
    -j[0-9]*) jobs=${1#-j}; shift ;;
    --find) find=yes; shift ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
case "$arch" in
  amd64) kernel_arch=x86 image=arch/x86/boot/bzImage prefix= ;;
  arm64) kernel_arch=arm64 image=arch/arm64/boot/Image prefix=aarch64-linux-gnu- ;;
  *) fail "--arch $arch: give amd64 or arm64" ;;
esac
[ "$(uname -m)" != x86_64 ] && [ "$arch" = amd64 ] && prefix=x86_64-linux-gnu-
[ "$(uname -m)" = aarch64 ] && [ "$arch" = arm64 ] && prefix=
configuration=$(cat "$here/config/common" "$here/config/$arch" | sha256sum | cut -c1-12)

newest() { find "$cache" -mindepth 1 -maxdepth 1 -name "$arch-*-$configuration" -printf '%f\n' 2>/dev/null | sort -V | tail -n 1; }
if [ "$find" = yes ]; then
  name=$(newest)
  [ -n "$name" ] || exit 1
  echo "$cache/$name"
  exit 0
fi

started=$SECONDS
command -v "${prefix}gcc" >/dev/null || fail "no ${prefix}gcc; install it: apt-get install gcc-${prefix%-}"
for tool in flex bison bc make xz; do
  command -v $tool >/dev/null || fail "no $tool; install what is needed: scripts/install-packages --kernel"
done
[ -n "$source" ] || source=/usr/src/linux-source-6.1.tar.xz
[ -e "$source" ] || fail "$source is not there; install it: scripts/install-packages --kernel, or name another: --source"

# A name for the source: the package's version, or the tarball's or the tree's contents.
source_name() {
  local package
  if [ -d "$source" ]; then
    echo "$(make -s -C "$source" kernelversion)+$(cd "$source" && find . -name .git -prune -o -type f -printf '%P %s %T@\n' | sort | sha256sum | cut -c1-8)"
  elif package=$(dpkg-query -S "$(readlink -f "$source")" 2>/dev/null); then
    dpkg-query -W -f='${Version}' "${package%%:*}"
  else
    sha256sum "$source" | cut -c1-12
  fi
}
name=$arch-$(source_name)-$configuration
goal=$cache/$name
mkdir -p "$cache"
exec 9>"$cache/.lock-$arch"
flock 9
[ ! -f "$goal/vmlinuz" ] || { echo "$goal"; exit 0; }

# Left where it is when the build is interrupted, and gone on with by the next run.
work=$cache/.building-$name
mkdir -p "$work/build"
rm -rf "$work/made"
mkdir "$work/made"
tree=$source
if [ ! -d "$source" ]; then
  tree=$work/source
  if [ ! -f "$work/unpacked" ]; then
    rm -rf "$tree"
    mkdir "$tree"
    echo "Unpacking $source" >&2
    tar -xf "$source" -C "$tree" --strip-components=1
    touch "$work/unpacked"
  fi
fi
compiler=${prefix}gcc
command -v ccache >/dev/null && compiler="ccache $compiler"
export CCACHE_DEPEND=1  # the compiler lists what it has read: nothing is preprocessed twice
# Nothing of this machine or this hour goes into the kernel: the same source gives the same bytes.
export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=neonvm KBUILD_BUILD_HOST=neonvm
run_make() { make -s -C "$tree" O="$work/build" ARCH=$kernel_arch CROSS_COMPILE="$prefix" CC="$compiler" "$@"; }
log=$work/log
quietly() { "$@" >"$log" 2>&1 || { grep -iE 'error|\*\*\*|not found' "$log" >&2 || tail -n 20 "$log" >&2; fail "failed: $*"; }; }

cat "$here/config/common" "$here/config/$arch" >"$work/wanted"
[ -f "$work/build/.config" ] || quietly run_make KCONFIG_ALLCONFIG="$work/wanted" allnoconfig
"$here/check_config.sh" --arch "$arch" --tree "$tree" "$work/build/.config" >&2 || fail "the configuration did not come out as asked"
echo "Building $name with $jobs processes" >&2
quietly run_make -j"$jobs" "$(basename "$image")"
cp "$work/build/$image" "$work/made/vmlinuz"
cp "$work/build/.config" "$work/made/config"
[ "$arch" != amd64 ] || "${prefix}strip" -s "$work/build/vmlinux" -o "$work/made/vmlinux"
run_make kernelrelease >"$work/made/release"
mv "$work/made" "$goal"
rm -rf "$(readlink -f "$work")" "$work"
printf 'Built in %d s: vmlinuz %d KiB\n' $((SECONDS - started)) $(($(stat -c %s "$goal/vmlinuz") / 1024)) >&2
echo "$goal"
