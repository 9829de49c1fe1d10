// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/day_of_retries.h"

#include <algorithm>
#include <memory>
#include <string>

#include "apps/payments/notify_sdk/backoff.h"
#include "apps/payments/notify_sdk/http_endpoint.h"
#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/simulation/api.h"
#include "apps/payments/simulation/client.h"
#include "apps/payments/simulation/merchant.h"
#include "apps/payments/simulation/must.h"
#include "apps/payments/simulation/process.h"
#include "apps/payments/simulation/record.h"
#include "apps/payments/simulation/risk.h"
#include "sluice/net/simulated_network.h"
#include "sluice/runtime/go.h"
#include "sluice/sqlite/simulated_disk.h"

namespace payments_simulation {

using namespace std::chrono_literals;

namespace {

constexpr int payments = 3;
constexpr const char* ledger_path = "ledger.db";

// A payment and a refund each.
void pay(DirectApi& api, Record& record, Dice& dice) {
  const Patience patience{.attempts_max = 10, .gives_up = false};
  const payment_core::Currency currency = must(payment_core::Currency::parse("EUR"), "currency");
  for (int i = 0; i < payments; ++i) {
    const std::string number = std::to_string(i);
    const Command payment{
        payment_core::CreatePayment{.payer = "payer",
                                    .payee = "shop",
                                    .amount = payment_core::Money{1000 + i, currency},
                                    .country = "DE"}};
    const auto paid = insist(api, record, dice, "pay-" + number, payment, patience);
    const Command refund{payment_core::CreateRefund{.payment_id = text_of(paid->body, "id"),
                                                    .amount_minor = 10 + i}};
    (void)insist(api, record, dice, "refund-" + number, refund, patience);
  }
}

struct Outbox {
  int64_t undelivered = 0;
  int64_t attempts_least = 0;  // of the payments' own events
};

Outbox read_outbox(payments_cmd::Platform& platform) {
  auto reader = must(platform.readers().acquire(sluice::Context::background()), "a reader");
  Outbox outbox{.undelivered = must(notify_sdk::count_undelivered(*reader), "the outbox")};
  auto row = must(reader->query("SELECT min(attempts) FROM outbox WHERE type = 'payment.captured'"),
                  "the outbox");
  (void)must(row.step(), "the outbox");
  outbox.attempts_least = row.integer(0);
  return outbox;
}

}  // namespace

void run_day_of_retries() {
  sluice::sqlite::SimulatedDisk disk;
  sluice::net::SimulatedNetwork network;
  network.name(merchant_name, merchant_ip);
  Record record;
  Merchant merchant{record, webhook_secret};
  UnreliableRisk risk;
  auto endpoint = must(notify_sdk::HttpEndpoint::make(merchant_url, webhook_secret), "endpoint");
  const Site site{ledger_path, "", risk, endpoint, {}};
  std::shared_ptr<Process> process = must(Process::start(site), "the service");
  DirectApi api{process, {}};
  Dice dice;
  const sluice::Instant begin = sluice::now();
  pay(api, record, dice);

  sluice::sleep_until(begin + 24h);
  const Outbox in_vain = read_outbox(process->platform());
  expect(in_vain.undelivered == 2 * payments, "a webhook was delivered to nobody");
  // A pause is at least half of the ceiling, but for the first few.
  const notify_sdk::Backoff backoff;
  const auto pauses_max =
      2 * (24h / std::chrono::duration_cast<std::chrono::minutes>(backoff.ceiling)) + 20;
  expect(in_vain.attempts_least >= 24h / backoff.ceiling && in_vain.attempts_least <= pauses_max,
         std::to_string(in_vain.attempts_least) + " attempts in a day");

  Shop shop{merchant};
  const sluice::Instant open = sluice::now();
  while (read_outbox(process->platform()).undelivered > 0) sluice::sleep_for(1s);
  expect(sluice::now() - open <= backoff.ceiling + 10s, "the webhooks came late");
  must(process->stop(), "the service's end");
  process = nullptr;
  must(shop.close(), "the merchant's server");
  auto ledger =
      must(sluice::sqlite::Database::open(ledger_path, {.read_only = true}), "the ledger");
  record.check_against(ledger);
}

}  // namespace payments_simulation
