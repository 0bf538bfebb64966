#!/usr/bin/env bash
# Checks a kernel's configuration against what neonvm relies on (kernel/required), and says what is lost without.
# Exit code: 0 all there, 1 something is missing.
#   kernel/check_config.sh [--arch amd64|arm64] [--tree DIR] [--modules "NAME …"] CONFIG
#   CONFIG        a .config, plain or gzip (/boot/config-…, /proc/config.gz)
#   --modules     of what the kernel has as modules only these are loaded (default: all can be)
#   --tree DIR    also: every option asked for in kernel/config that this source tree knows must have come out as asked,
#                 because an option with an unmet need is dropped without a word
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
arch=amd64 tree= config= modules=all
while [ $# -gt 0 ]; do
  case "$1" in
    --arch) arch=${2:?--arch needs amd64 or arm64}; shift 2 ;;
    --tree) tree=${2:?--tree needs a folder}; shift 2 ;;
    --modules) modules=" ${2?--modules needs names} "; shift 2 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "check_config: unknown option $1; see --help" >&2; exit 2 ;;
    *) config=$1; shift ;;
  esac
done
[ -r "$config" ] || { echo "check_config: ${config:-no configuration named}: cannot be read" >&2; exit 2; }

declare -A set_to
while IFS='=' read -r name value; do set_to[$name]=$value; done < <(zcat -f "$config" | grep '^CONFIG_[A-Za-z0-9_]*=')
missing=0

loaded() { [ "$modules" = all ] || case "$modules" in *" $1 "*) ;; *) return 1 ;; esac }

while read -r name arches module why; do
  case "$arches" in all | "$arch") ;; *) continue ;; esac
  case "${set_to[CONFIG_$name]:-}" in
    y) continue ;;
    m) if loaded "$module"; then continue; fi
      echo "CONFIG_$name is the module $module, which is not loaded: $why"
      missing=1
      continue ;;
  esac
  echo "CONFIG_$name is off: $why"
  missing=1
done < <(grep -v '^#' "$here/required")

known() { grep -rqsx --include='Kconfig*' -e "[[:space:]]*\(menu\)\?config[[:space:]]\+$1" "$tree"; }

if [ -n "$tree" ]; then
  while read -r line; do
    case "$line" in
      '# CONFIG_'*' is not set') name=${line#'# '} name=${name%' is not set'} want= ;;
      CONFIG_*=*) name=${line%%=*} want=${line#*=} ;;
      *) continue ;;
    esac
    [ "${set_to[$name]:-}" != "$want" ] || continue
    known "${name#CONFIG_}" || { echo "check_config: $name is not known to this kernel" >&2; continue; }
    echo "$name was asked to be ${want:-off} and is ${set_to[$name]:-off}: some need of it is not met"
    missing=1
  done < <(cat "$here/config/common" "$here/config/$arch")
fi
exit $missing
