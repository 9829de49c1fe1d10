#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of `payments serve` at random moments under load, restarted each time. In the end: nothing
# that was acknowledged is lost, nothing happened twice, every webhook arrived at least once.
#
#   apps/payments/chaos.sh [BUILD_DIR]       (default: $BUILD_DIR, else build/demo)
#   KILLS=20 SEED=7 apps/payments/chaos.sh   another number of kills; the same moments again

payments=${1:-${BUILD_DIR:-build/demo}}/payments
source "$(dirname "$0")/demo/lib.sh"

kills=${KILLS:-20}
seed=${SEED:-$((EPOCHSECONDS % 32768))}
RANDOM=$seed
echo "chaos: $kills kills, SEED=$seed"

serve() {
  start serve 'payments: listening on ' "$payments" serve --db "$db" --listen "$1" \
    --webhook-url "$receiver/"
}

start receive 'payments: receiving on ' "$payments" receive --record "$work/received" \
  --fail-percent 2 --seed "$seed"
receiver=$answer
serve 127.0.0.1:0
url=$answer
"$payments" load --url "$url" --seconds 3600 --patience-seconds 120 --goroutines 32 --seed "$seed" \
  --acknowledged "$work/acknowledged" > "$work/load.log" 2>&1 &
pids[load]=$!

for kill in $(seq "$kills"); do
  moment=$((200 + RANDOM % 1300))
  sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
  kill -KILL "${pids[serve]}"
  wait "${pids[serve]}" 2> /dev/null || true
  printf 'kill %2d, %4d ms after the start: %6d acknowledgements, %6d webhooks\n' \
    "$kill" "$moment" "$(wc -l < "$work/acknowledged")" "$(wc -l < "$work/received")"
  serve "${url#http://}"
done

# A last stretch without a kill, so that what the last one left unanswered is answered.
sleep 2
kill -TERM "${pids[load]}"
loaded=0
wait "${pids[load]}" || loaded=$?
unset 'pids[load]'
cat "$work/load.log"

wait_for_webhooks
stats=$(curl -fsS "$receiver/stats")
stop serve
verdict=0
"$payments" verify --db "$db" --acknowledged "$work/acknowledged" --received "$work/received" ||
  verdict=$?
echo "receiver: $stats"
if [ "$loaded" -ne 0 ] || [ "$verdict" -ne 0 ]; then
  echo "chaos: FAILED (load $loaded, verify $verdict); again with: SEED=$seed $0"
  exit 1
fi
echo "chaos: $kills kills, nothing lost, nothing doubled, every webhook delivered"
