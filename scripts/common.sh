# Shared by the scripts of this folder and .ci/run; sourced, not run.
# shellcheck shell=bash

# The checkout, whatever the current folder.
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
me=$(basename -- "$0")

# Compilers at a time.
jobs=${WQ_JOBS:-$(nproc)}

say() { printf '%s: %s\n' "$me" "$*"; }

die() {
  printf '%s: %s\n' "$me" "$*" >&2
  exit 1
}

# writable DIR: DIR, or what it would be made in, can be written to by us; and what is in it too.
writable() {
  local dir=$1
  while [[ ! -e $dir ]]; do
    dir=$(dirname -- "$dir")
  done
  [[ -w $dir && (! -e $1/CMakeCache.txt || -w $1/CMakeCache.txt) ]]
}

# build_dir NAME: where NAME is built: in the checkout or, if the user cannot write there, in the
# user's cache, one folder for each checkout.
build_dir() {
  local checkout
  if writable "$root/build/$1"; then
    printf '%s\n' "$root/build/$1"
  else
    checkout=$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)
    printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/wq/$checkout/$1"
  fi
}

# configure_and_build PRESET DIR [CMAKE OPTION...] [-- TARGET...]
configure_and_build() {
  local preset=$1 dir=$2 options=()
  shift 2
  while (($# > 0)) && [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift $(($# > 0 ? 1 : 0))
  # Always from a fresh cache: options of an earlier run, or a checkout that was moved, must not
  # decide anything. What is compiled already stays.
  (cd -- "$root" && cmake --fresh --preset "$preset" -B "$dir" "${options[@]}") &&
    cmake --build "$dir" --parallel "$jobs" ${1:+--target "$@"}
}

# run_tests DIR: runs every test of a build; tests.xml in DIR tells what became of each.
run_tests() {
  local dir=$1 prefix=()
  # The thread sanitizer does not start under a kernel that spreads addresses widely.
  if grep -q '^WQ_SANITIZE:.*thread' "$dir/CMakeCache.txt" &&
    setarch "$(uname -m)" -R true 2>/dev/null; then
    prefix=(setarch "$(uname -m)" -R)
  fi
  # Findings in other libraries; only the thread sanitizer looks at it.
  prefix+=(env TSAN_OPTIONS="suppressions=$root/tests/tsan.supp ${TSAN_OPTIONS-}")
  rm -f "$dir/tests.xml"
  # Tests wait more than they compute.
  "${prefix[@]}" ctest --test-dir "$dir" --parallel $((jobs * 2)) --output-on-failure \
    --no-tests=error --output-junit "$dir/tests.xml"
}

# count_tests DIR: prints PASSED FAILED SKIPPED of the last run_tests.
count_tests() {
  local key tests failures skipped disabled
  for key in tests failures skipped disabled; do
    printf -v "$key" %d "$(grep -o -m1 "[[:space:]]$key=\"[0-9]*\"" "$1/tests.xml" | tr -dc 0-9)"
  done
  # shellcheck disable=SC2154  # read by name above
  echo $((tests - failures - skipped - disabled)) "$failures" $((skipped + disabled))
}
