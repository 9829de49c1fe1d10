# SPDX-License-Identifier: Apache-2.0
# What demo.sh and chaos.sh share. Sourced, with $payments set to the program.

set -euo pipefail

if [ ! -x "$payments" ]; then
  echo "$0: no program at $payments; build it with: make demo" >&2
  exit 2
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/payments.XXXXXX")
db=$work/ledger.db
export PAYMENTS_WEBHOOK_SECRET="whsec_$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
declare -A pids=()

# start NAME LINE COMMAND...: runs the command in the background, waits until its output has a line
# that begins with LINE, and puts what follows into $answer.
start() {
  local name=$1 line=$2
  shift 2
  : > "$work/$name.log"
  "$@" >> "$work/$name.log" 2>&1 &
  pids[$name]=$!
  for _ in $(seq 1200); do
    answer=$(sed -n "s|^$line||p" "$work/$name.log" | head -1)
    [ -n "$answer" ] && return
    if ! kill -0 "${pids[$name]}" 2> /dev/null; then
      echo "$0: $name ended at once:" >&2
      cat "$work/$name.log" >&2
      exit 1
    fi
    sleep 0.05
  done
  echo "$0: $name did not start within a minute" >&2
  exit 1
}

# stop NAME: asks it to finish, waits until it has.
stop() {
  local pid=${pids[$1]:-}
  [ -n "$pid" ] || return 0
  unset "pids[$1]"
  kill -TERM "$pid" 2> /dev/null || true
  wait "$pid" || true
}

# Waits until every event is delivered; at most five minutes.
wait_for_webhooks() {
  for _ in $(seq 300); do
    "$payments" verify --db "$db" > "$work/waiting.log" || true
    grep -q ' events, 0 not delivered' "$work/waiting.log" && return
    sleep 1
  done
  echo "$0: not all webhooks were delivered within five minutes" >&2
  grep ' events, ' "$work/waiting.log" >&2
  return 1
}

cleanup() {
  local name
  for name in "${!pids[@]}"; do stop "$name"; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
