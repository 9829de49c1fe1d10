// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apps/payments/notify_sdk/dispatcher.h"
#include "apps/payments/payment_core/service.h"
#include "apps/payments/risk_engine/assessor.h"
#include "apps/payments/risk_engine/guard.h"
#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/sqlite/reader_pool.h"
#include "sluice/sqlite/writer.h"

namespace payments_cmd {

struct PlatformOptions {
  risk_engine::GuardOptions risk;
  notify_sdk::DispatcherOptions webhooks;
  sluice::http::ServerOptions server;
  // How long a key's answer is kept: a repetition that comes later is executed as a new request.
  sluice::Duration key_retention = std::chrono::hours{30 * 24};
};

// Opens or creates the ledger. Errors: the database's, naming the path.
sluice::Result<sluice::sqlite::Database> open_ledger(const std::string& path);

// The parts of the service's process, in the order in which they depend on each other.
class Platform {
 public:
  // `assessor` and `endpoint` must outlive it; null: events stay in the outbox.
  Platform(sluice::sqlite::Database ledger, std::unique_ptr<sluice::sqlite::ReaderPool> readers,
           risk_engine::Assessor& assessor, notify_sdk::Endpoint* endpoint,
           PlatformOptions options);

  // Serves until the context ends: then takes no new requests, finishes those under way, waits for
  // webhooks under way. Without a listener: for those who call service() themselves.
  // Errors: the listener's; SQLite's, when the last outcomes of webhooks could not be recorded.
  sluice::Result<void> run(const sluice::Context& context,
                           std::optional<sluice::net::Listener> listener);

  payment_core::Service& service() { return service_; }
  sluice::sqlite::Writer& writer() { return writer_; }
  sluice::sqlite::ReaderPool& readers() { return *readers_; }

  // "12 commands in 3 commits, ...", since the start.
  std::string totals() const;

 private:
  const PlatformOptions options_;
  risk_engine::Guard guard_;
  sluice::sqlite::Writer writer_;
  std::unique_ptr<sluice::sqlite::ReaderPool> readers_;
  std::optional<notify_sdk::Dispatcher> dispatcher_;
  payment_core::Service service_;
};

}  // namespace payments_cmd
