// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/process.h"

#include <utility>

#include "sluice/net/listener.h"

namespace payments_simulation {

using sluice::Context;
using sluice::Error;
using sluice::Result;

namespace {

constexpr size_t readers = 2;

Error cut_off() { return Error{sluice::Code::unavailable, "the process is dead"}; }

}  // namespace

Result<std::shared_ptr<Process>> Process::start(const Site& site) {
  std::optional<sluice::net::Listener> listener;
  sluice::sqlite::Database ledger = SLUICE_TRY(payments_cmd::open_ledger(site.ledger));
  // Checkpoints of a ledger that is small, too.
  SLUICE_TRY(ledger.execute("PRAGMA wal_autocheckpoint=30"));
  auto pool = SLUICE_TRY(sluice::sqlite::ReaderPool::open(site.ledger, readers));
  if (!site.listen.empty()) listener = SLUICE_TRY(sluice::net::Listener::listen(site.listen));
  std::shared_ptr<Process> process{new Process{site}};
  process->platform_.emplace(std::move(ledger), std::move(pool), site.assessor, &process->wire_,
                             payments_cmd::PlatformOptions{});
  process->wire_.platform = &*process->platform_;
  process->group_.go(
      [&platform = *process->platform_, listener = std::move(listener)](Context context) mutable {
        return platform.run(context, std::move(listener));
      });
  return process;
}

Process::~Process() { (void)stop(); }

void Process::die() {
  wire_.is_cut = true;
  group_.cancel();
}

Result<void> Process::stop() {
  group_.cancel();
  return group_.wait();
}

Result<void> Process::Wire::deliver(const Context& context, const notify_sdk::Delivery& delivery) {
  if (is_cut) return cut_off();
  Result<void> delivered = site.deliver ? site.deliver(*platform, site.endpoint, context, delivery)
                                        : site.endpoint.deliver(context, delivery);
  if (is_cut) return cut_off();
  return delivered;
}

}  // namespace payments_simulation
