#!/bin/bash
# check_config.sh finds what is missing and says what it is for; what kernel/config asks for covers kernel/required.
# usage: check_config_test.sh KERNEL_FOLDER
set -eu
kernel=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }
check() { # exit-code options…; leaves what was said in $said
  local wanted=$1 code=0
  shift
  said=$("$kernel/check_config.sh" "$@" 2>&1) || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code instead of $wanted: $* : $said"
}
says() { case "$said" in *"$1"*) ;; *) fail "\"$1\" is not in: $said" ;; esac }

for arch in amd64 arm64; do
  cat "$kernel/config/common" "$kernel/config/$arch" >"$work/$arch"
  check 0 --arch $arch "$work/$arch"
  [ -z "$said" ] || fail "$arch: $said"
done

sed 's/^CONFIG_VIRTIO_MEM=y/# CONFIG_VIRTIO_MEM is not set/' "$work/amd64" >"$work/without"
check 1 "$work/without"
says "CONFIG_VIRTIO_MEM is off: memory cannot grow or shrink"

sed 's/^CONFIG_VIRTIO_MEM=y/CONFIG_VIRTIO_MEM=m/' "$work/amd64" | gzip >"$work/module.gz"
check 0 "$work/module.gz"
check 0 --modules "virtio_net virtio_mem" "$work/module.gz"
check 1 --modules "virtio_net" "$work/module.gz"
says "is the module virtio_mem, which is not loaded: memory cannot grow or shrink"

# An option that the tree knows and that has come out otherwise; one that it does not know is only said.
mkdir "$work/tree"
printf 'config PSI\n\tbool "Pressure stall information"\nmenuconfig SWAP\n\tbool "Swap"\n' >"$work/tree/Kconfig"
sed 's/^CONFIG_SWAP=y/# CONFIG_SWAP is not set/; s/^CONFIG_ZSMALLOC=y/# CONFIG_ZSMALLOC is not set/' "$work/amd64" >"$work/dropped"
check 1 --tree "$work/tree" "$work/dropped"
says "CONFIG_SWAP was asked to be y and is off"
says "CONFIG_ZSMALLOC is not known to this kernel"

check 2 "$work/no such file"
says "cannot be read"
check 2 --nonsense
says "unknown option --nonsense"
