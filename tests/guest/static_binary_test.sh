#!/bin/sh
# The program of the guest preset needs nothing of the guest: no interpreter, no libraries, no environment, little room.
# usage: static_binary_test.sh PROGRAM
set -eu
program=$1
[ -x "$program" ] || { echo "$program is not there; make it: scripts/guest-image"; exit 1; }

! readelf -lW "$program" | grep -q INTERP || { echo "$program asks for an interpreter"; exit 1; }
! readelf -dW "$program" 2>/dev/null | grep -q NEEDED || { echo "$program asks for libraries"; exit 1; }
# A static program that looks names up still needs the libc that it was linked with.
for symbol in getaddrinfo gethostbyname getpwnam; do
  ! nm "$program" 2>/dev/null | grep -qwE "[TW] (__)?$symbol" || { echo "$program has $symbol"; exit 1; }
done
size=$(stat -c %s "$program")
[ "$size" -lt 4194304 ] || { echo "$program has $size bytes; 4 MiB are the limit"; exit 1; }
env -i "$program" --version | grep -q '^neonvm' || { echo "$program --version says nothing"; exit 1; }
code=0
said=$(env -i "$program" monitr 2>&1) || code=$?
[ "$code" = 2 ] || { echo "$program monitr: exit code $code"; exit 1; }
echo "$said" | grep -q monitor || { echo "no near name is suggested: $said"; exit 1; }
echo "$size bytes"
