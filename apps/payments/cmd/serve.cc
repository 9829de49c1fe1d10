// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/serve.h"

#include <stdio.h>

#include <memory>
#include <optional>
#include <utility>

#include "apps/payments/cmd/database_lock.h"
#include "apps/payments/cmd/platform.h"
#include "apps/payments/notify_sdk/http_endpoint.h"
#include "apps/payments/risk_engine/engine.h"
#include "sluice/debug/pprof_handler.h"
#include "sluice/debug/sigquit.h"
#include "sluice/debug/watchdog.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/metrics.h"
#include "sluice/sync/group.h"

namespace payments_cmd {
namespace {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;

constexpr size_t readers = 4;

// An engine that takes its time, to show what happens then.
class DelayedEngine final : public risk_engine::Assessor {
 public:
  DelayedEngine(risk_engine::Policy policy, sluice::Duration delay)
      : engine_(std::move(policy)), delay_(delay) {}

  Result<risk_engine::Assessment> assess(const Context& context,
                                         const risk_engine::Inquiry& inquiry) override {
    if (delay_ > sluice::Duration::zero()) sluice::sleep_for(delay_);
    return engine_.assess(context, inquiry);
  }

 private:
  risk_engine::Engine engine_;
  const sluice::Duration delay_;
};

Result<void> serve_debug(const Context& context, sluice::net::Listener listener) {
  sluice::http::Router router;
  router.get("/debug/pprof/{what...}", sluice::debug::pprof_handler());
  router.get("/metrics", [](sluice::http::Request&, sluice::http::ResponseWriter& response) {
    return response.reply(200, "text/plain; version=0.0.4",
                          sluice::to_prometheus_text(sluice::runtime_metrics()));
  });
  return sluice::http::Server{std::move(router)}.serve(context, std::move(listener));
}

}  // namespace

Result<int> serve(const Context& context, const ServeOptions& options) {
  std::optional<notify_sdk::HttpEndpoint> endpoint;
  if (!options.webhook_url.empty()) {
    auto made = notify_sdk::HttpEndpoint::make(options.webhook_url, options.webhook_secret);
    if (!made)
      return wrap(made.error(), "--webhook-url, --webhook-secret (or PAYMENTS_WEBHOOK_SECRET)");
    endpoint.emplace(std::move(*made));
  }
  DatabaseLock lock = SLUICE_TRY(DatabaseLock::take(options.database));
  sluice::sqlite::Database database = SLUICE_TRY(open_ledger(options.database));
  auto reader_pool = SLUICE_TRY(sluice::sqlite::ReaderPool::open(options.database, readers));
  auto listening = sluice::net::Listener::listen(options.listen);
  if (!listening) return wrap(listening.error(), "--listen");
  sluice::net::Listener listener = *std::move(listening);
  const std::string address = listener.address().to_string();
  std::optional<sluice::net::Listener> debug_listener;
  if (!options.debug_listen.empty()) {
    auto made = sluice::net::Listener::listen(options.debug_listen);
    if (!made) return wrap(made.error(), "--debug-listen");
    debug_listener = *std::move(made);
    printf("payments: debug at http://%s/debug/pprof/\n",
           debug_listener->address().to_string().c_str());
  }
  SLUICE_TRY(sluice::debug::dump_on_sigquit());
  auto watchdog = SLUICE_TRY(sluice::debug::Watchdog::start());
  DelayedEngine engine{{}, options.risk_delay};
  Platform platform{std::move(database),
                    std::move(reader_pool),
                    engine,
                    endpoint ? &*endpoint : nullptr,
                    {.risk = {.deadline = options.risk_deadline},
                     .webhooks = {.attempts_max = options.webhook_attempts},
                     .key_retention = options.key_retention}};
  sluice::sync::Group debugging;  // to the end: what does not end can be asked why
  if (debug_listener)
    debugging.go([&](Context debug_context) {
      return serve_debug(debug_context, *std::move(debug_listener));
    });
  // The line that scripts wait for: from here on the kernel queues connections.
  printf("payments: listening on http://%s\n", address.c_str());
  fflush(stdout);
  SLUICE_TRY(platform.run(context, std::move(listener)));
  debugging.cancel();
  SLUICE_TRY(debugging.wait());
  printf("payments: stopped; %s\n", platform.totals().c_str());
  fflush(stdout);
  return 0;
}

}  // namespace payments_cmd
