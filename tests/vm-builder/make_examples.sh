#!/usr/bin/env bash
# Makes the examples' disks for the tests that boot them: TREE FOLDER.
set -euo pipefail
tree=$1 folder=$2
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export NEONVM_HOME=$work
init=(--init "$tree/build/guest/neonvm")
"$tree/vm-builder/examples/busybox" "${init[@]}" --format raw --file "$folder/busybox.raw"
"$tree/vm-builder/examples/nginx" "${init[@]}" --format raw --file "$folder/nginx.raw"
"$tree/vm-builder/examples/nginx" "${init[@]}" --format raw --root erofs --file "$folder/nginx.erofs"
"$tree/vm-builder/examples/dropbear" "${init[@]}" --format raw --file "$folder/dropbear.raw"
"$tree/vm-builder/examples/openssh" "${init[@]}" --format raw --file "$folder/openssh.raw"
