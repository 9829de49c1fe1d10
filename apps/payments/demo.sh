#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The payments service at work: serves on a free port, imports 10,000 payments from a CSV file,
# runs a short load, delivers every webhook to a receiver, audits the ledger, and on a terminal
# keeps serving until Ctrl-C. What it writes is in a temporary folder that goes with it.
#
#   apps/payments/demo.sh [BUILD_DIR]        (default: $BUILD_DIR, else build/demo)

payments=${1:-${BUILD_DIR:-build/demo}}/payments
source "$(dirname "$0")/demo/lib.sh"

step() { printf '\n== %s\n' "$*"; }

step "a webhook receiver, which refuses one delivery in fifty to see it repeated"
start receive 'payments: receiving on ' "$payments" receive --record "$work/received" \
  --fail-percent 2
receiver=$answer
echo "   $receiver"

step "the service: goroutines, channels and contexts in front of a SQLite ledger"
start serve 'payments: listening on ' "$payments" serve --db "$db" --listen 127.0.0.1:0 \
  --debug-listen 127.0.0.1:0 --webhook-url "$receiver/"
url=$answer
debug=$(sed -n 's|^payments: debug at ||p' "$work/serve.log")
echo "   $url, for operators $debug"

step "10,000 rows: payments in nine currencies, refunds, duplicates, and 50 broken rows"
python3 "$here/demo/make_csv.py" --rows 10000 --broken 50 --seed 1 --out "$work/payments.csv"
"$payments" import "$work/payments.csv" --url "$url" --rejects "$work/rejects" --quiet
rejected=$(wc -l < "$work/rejects")
echo "some of the $rejected rejected rows:"
shuf -n 5 --random-source="$work/payments.csv" "$work/rejects" | cut -c -110 | sed 's/^/   /'
if [ "$rejected" -ne 50 ]; then
  echo "$0: expected 50 rejected rows" >&2
  exit 1
fi

step "five seconds of load"
"$payments" load --url "$url" --seconds 5 --goroutines 32 --acknowledged "$work/acknowledged"

step "waiting until every webhook is delivered"
wait_for_webhooks
stats=$(curl -fsS "$receiver/stats")
echo "   $stats"

step "what its goroutines wait for, asked from outside"
curl -fsS "${debug}goroutine?debug=2" > "$work/goroutines"
sed -n 's/^goroutine [0-9]* \[\([^],]*\).*/   \1/p' "$work/goroutines" | sort | uniq -c | sort -rn

step "auditing the ledger, the load's acknowledgements and the receiver's record"
"$payments" verify --db "$db" --acknowledged "$work/acknowledged" --received "$work/received"

payment=$(awk '$2 ~ /^pay_/ { id = $2 } END { print id }' "$work/acknowledged")
cat << END

== all is well; the service is at $url
Try:
  curl -s $url/v1/payments/$payment
  curl -s '$url/v1/accounts/merchant-0/entries?limit=3'
  curl -s -X POST $url/v1/payments -H 'Idempotency-Key: my-first' \\
       -d '{"payer":"me","payee":"you","amount":1250,"currency":"EUR"}'     # twice: one payment
  curl -s '${debug}goroutine?debug=2'                        # every goroutine's stack
  curl -o trace.pftrace '${debug}trace?seconds=1'            # for https://ui.perfetto.dev
END

if [ -t 1 ]; then
  echo
  echo "It serves until Ctrl-C. Its ledger is $db"
  trap 'echo; exit 0' INT
  wait "${pids[serve]}" || true
fi
