// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/scenario.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "apps/payments/notify_sdk/http_endpoint.h"
#include "apps/payments/payment_core/audit.h"
#include "apps/payments/simulation/client.h"
#include "apps/payments/simulation/dice.h"
#include "apps/payments/simulation/must.h"
#include "apps/payments/simulation/record.h"
#include "apps/payments/simulation/risk.h"
#include "apps/payments/simulation/rude_shop.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/group.h"
#include "sluice/sync/wait_group.h"

namespace payments_simulation {

using namespace std::chrono_literals;
using sluice::Context;
using sluice::Result;
using sluice::simulation::fail;
using sluice::simulation::note;

namespace {

constexpr const char* ledger_path = "ledger.db";
constexpr const char* service_address = "10.0.0.2:8080";
constexpr int starts_max = 1000;
constexpr sluice::Duration drain_max = 6h;

// One run's world.
class World {
 public:
  explicit World(const Scenario& scenario) : scenario_(scenario) {
    merchant_.set_faults(scenario.merchant);
    risk_.set_faults(scenario.risk_faults);
    if (!scenario.over_http) return;
    network_.emplace(scenario.network);
    network_->name(merchant_name, merchant_ip);
    endpoint_.emplace(
        must(notify_sdk::HttpEndpoint::make(merchant_url, webhook_secret), "the endpoint"));
    site_.emplace(Site{ledger_path, service_address, risk_, *endpoint_, {}});
    if (dice_.percent(50))
      shop_.emplace(merchant_);
    else
      rude_shop_.emplace(merchant_);
  }

  void run() {
    if (!site_) site_.emplace(Site{ledger_path, "", risk_, direct_, scenario_.deliver});
    start_process();
    sluice::sync::WaitGroup clients;
    const uint64_t count = 1 + dice_.below(static_cast<uint64_t>(scenario_.clients_max));
    for (uint64_t i = 1; i <= count; ++i)
      clients.go([this, i, dice = dice_.another()] { run_client(static_cast<int>(i), dice); });
    {
      sluice::sync::Group disasters;
      disasters.go(
          [this, dice = dice_.another()](const Context& context) { disturb(context, dice); });
      clients.wait();
    }
    end_faults();
    settle();
    drain();
    must(std::exchange(process_, nullptr)->stop(), "the service's end");
    graves_.wait();
    check();
    if (shop_) must(shop_->close(), "the merchant's server");
    if (rude_shop_) must(rude_shop_->close(), "the merchant's server");
    tally(disk_.counts());
    if (network_) tally(network_->counts());
  }

 private:
  // Until it runs: the disk may fail, the dead one's address may be in use.
  void start_process() {
    for (int i = 0; process_ == nullptr; ++i) {
      Result<std::shared_ptr<Process>> started = Process::start(*site_);
      if (started) {
        process_ = *std::move(started);
        note("the service has started");
        return;
      }
      note("the service does not start: " + started.error().to_string());
      if (i == starts_max) fail("the service never starts: " + started.error().to_string());
      sluice::sleep_for(50ms);
    }
  }

  std::unique_ptr<Api> make_api() {
    if (scenario_.over_http)
      return std::make_unique<HttpApi>(std::string{"http://"} + service_address);
    return std::make_unique<DirectApi>(process_, scenario_.execute);
  }

  void run_client(int number, Dice dice) {
    const std::unique_ptr<Api> api = make_api();
    Client client{number, *api, record_, notebook_, dice};
    client.run(1 + static_cast<int>(dice.below(static_cast<uint64_t>(scenario_.operations_max))));
  }

  void disturb(const Context& context, Dice dice) {
    for (uint64_t left = dice.below(static_cast<uint64_t>(scenario_.crashes_max) + 1); left > 0;
         --left) {
      sluice::Duration span = 10ms;
      for (uint64_t i = dice.below(8); i > 0; --i) span *= 2;
      if (pause(context, dice.up_to(span))) return;
      if (dice.percent(30))
        stop_gracefully();
      else
        crash(dice.percent(50));
      sluice::sleep_for(dice.up_to(100ms));
      start_process();
    }
  }

  // As SIGTERM does; the next one waits until it is gone, as `payments serve` does by its lock.
  void stop_gracefully() {
    note("the service is stopped");
    tally(Tallied::restarts);
    std::shared_ptr<Process> old = std::exchange(process_, nullptr);
    Result<void> stopped = old->stop();
    note(stopped ? "it has stopped" : "it has stopped: " + stopped.error().to_string());
    while (old.use_count() > 1) sluice::sleep_for(1ms);
  }

  void crash(bool is_power_cut) {
    note(is_power_cut ? "the power is cut" : "the service is killed");
    tally(is_power_cut ? Tallied::power_cuts : Tallied::kills);
    if (is_power_cut)
      disk_.cut_power();
    else
      disk_.kill();
    process_->die();
    // What is left of it comes to its end beside the next one.
    graves_.go([dead = std::exchange(process_, nullptr)] { (void)dead->stop(); });
  }

  void end_faults() {
    note("nothing fails any more");
    merchant_.set_faults({});
    risk_.set_faults(0);
    disk_.set_faults({});
    if (!network_) return;
    network_->set_faults({});
    for (const char* host : {"10.0.0.1", "10.0.0.2", merchant_ip}) network_->heal(host);
  }

  // Every key has its one answer, also those whose client gave up.
  void settle() {
    const std::unique_ptr<Api> api = make_api();
    Dice dice = dice_.another();
    for (const auto& [key, commands] : record_.asked()) {
      for (const Command& command : commands)
        (void)insist(*api, record_, dice, key, command, {.attempts_max = 100, .gives_up = false});
      expect(record_.is_answered(key), "every request with a key is a conflict: " + key);
    }
  }

  void drain() {
    auto reader = must(process_->platform().readers().acquire(Context::background()), "a reader");
    sluice::Duration step = 10ms;
    const sluice::Instant give_up = sluice::now() + drain_max;
    for (;;) {
      const int64_t left = must(notify_sdk::count_undelivered(*reader), "the outbox");
      if (left == 0) return;
      if (sluice::now() > give_up)
        fail("webhooks wait though nothing fails: " + std::to_string(left) + " of them");
      sluice::sleep_for(step);
      step = std::min<sluice::Duration>(2 * step, 10min);
    }
  }

  void check() {
    auto ledger =
        must(sluice::sqlite::Database::open(ledger_path, {.read_only = true}), "the ledger");
    const payment_core::AuditReport report = must(payment_core::audit(ledger), "the audit");
    for (const std::string& finding : report.findings) fail("audit: " + finding);
    expect(report.events_dead == 0, "webhooks were given up");
    record_.check_against(ledger);
  }

  const Scenario& scenario_;
  Dice dice_;  // made before anything else
  sluice::sqlite::SimulatedDisk disk_{scenario_.disk};
  std::optional<sluice::net::SimulatedNetwork> network_;
  Record record_;
  Notebook notebook_;
  Merchant merchant_{record_, webhook_secret};
  UnreliableRisk risk_;
  DirectEndpoint direct_{merchant_};
  std::optional<notify_sdk::HttpEndpoint> endpoint_;
  std::optional<Site> site_;
  std::shared_ptr<Process> process_;  // null: there is none at the moment
  sluice::sync::WaitGroup graves_;
  std::optional<Shop> shop_;  // or:
  std::optional<RudeShop> rude_shop_;
};

}  // namespace

Scenario Scenario::rough(bool over_http) {
  return {.over_http = over_http,
          .disk = sluice::sqlite::DiskFaults::rough(),
          .network = sluice::net::NetworkFaults::rough(),
          .merchant = {.refuses = 150'000,
                       .is_late = 50'000,
                       .gets_no_answer = 100'000,
                       .answers_twice = 100'000,
                       .hangs_up = 100'000},
          .risk_faults = 50'000};
}

Scenario Scenario::in_weather() const {
  Dice dice;
  const auto draw = [&dice] {
    constexpr uint32_t times[] = {0, 1, 1, 4};
    return times[dice.below(std::size(times))];
  };
  Scenario changed = *this;
  const auto multiply = [](auto& faults, auto fields, uint32_t times) {
    for (auto field : fields) faults.*field *= times;
  };
  using Disk = sluice::sqlite::DiskFaults;
  multiply(changed.disk,
           std::array{&Disk::read_error, &Disk::write_error, &Disk::full, &Disk::sync_error,
                      &Disk::slow_sync, &Disk::busy},
           draw());
  using Network = sluice::net::NetworkFaults;
  multiply(changed.network,
           std::array{&Network::latency_spike, &Network::loss, &Network::reset, &Network::partition,
                      &Network::connect_refused, &Network::connect_timeout, &Network::slow_reader,
                      &Network::accept_shortage, &Network::short_read, &Network::short_write},
           draw());
  multiply(changed.merchant,
           std::array{&MerchantFaults::refuses, &MerchantFaults::is_late,
                      &MerchantFaults::gets_no_answer, &MerchantFaults::answers_twice,
                      &MerchantFaults::hangs_up},
           std::min(draw(), 2U));
  changed.risk_faults *= draw();
  if (dice.percent(25)) changed.crashes_max = 0;
  return changed;
}

void run(const Scenario& scenario) {
  const Scenario changed = scenario.in_weather();
  World world{changed};
  world.run();
}

}  // namespace payments_simulation
