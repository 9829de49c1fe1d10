// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/serve.h"

#include <stdio.h>

#include <memory>
#include <optional>
#include <utility>

#include "apps/payments/cmd/database_lock.h"
#include "apps/payments/notify_sdk/dispatcher.h"
#include "apps/payments/notify_sdk/http_endpoint.h"
#include "apps/payments/payment_core/http_api.h"
#include "apps/payments/payment_core/id.h"
#include "apps/payments/payment_core/schema.h"
#include "apps/payments/payment_core/service.h"
#include "apps/payments/risk_engine/engine.h"
#include "apps/payments/risk_engine/guard.h"
#include "sluice/chan/select.h"
#include "sluice/debug/pprof_handler.h"
#include "sluice/debug/sigquit.h"
#include "sluice/debug/watchdog.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/metrics.h"
#include "sluice/sync/group.h"
#include "sluice/telemetry/log.h"

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

Result<sluice::sqlite::Database> open_database(const std::string& path) {
  sluice::sqlite::Database database = SLUICE_TRY(sluice::sqlite::Database::open(path));
  if (Result<void> prepared = payment_core::prepare_schema(database); !prepared)
    return wrap(prepared.error(), path);
  return database;
}

// At the start and once an hour, until the context ends.
void forget_old_keys(const Context& context, payment_core::Service& service,
                     sluice::Duration retention) {
  while (!context.cancelled()) {
    const int64_t before = payment_core::unix_milliseconds() -
                           std::chrono::duration_cast<std::chrono::milliseconds>(retention).count();
    Result<int64_t> forgotten = service.forget_keys(context, before);
    if (!forgotten && !context.cancelled())
      sluice::log(sluice::Level::warn, "old keys could not be deleted",
                  {{"error", forgotten.error().to_string()}});
    if (forgotten && *forgotten > 0)
      sluice::log(sluice::Level::info, "old keys deleted", {{"keys", *forgotten}});
    sluice::select(sluice::on_receive(context.done()), sluice::on_timeout(std::chrono::hours{1}));
  }
}

Result<void> serve_debug(const Context& context, sluice::net::Listener listener) {
  sluice::http::Router router;
  router.get("/debug/pprof/{what...}", sluice::debug::pprof_handler());
  router.get("/metrics", [](sluice::http::Request&, sluice::http::ResponseWriter& response) {
    return response.reply(200, "text/plain; version=0.0.4",
                          sluice::to_prometheus_text(sluice::runtime_metrics()));
  });
  return sluice::http::Server{std::move(router)}.serve(context, std::move(listener));
}

// The parts of the process, in the order in which they depend on each other.
class Payments {
 public:
  Payments(sluice::sqlite::Database database,
           std::unique_ptr<sluice::sqlite::ReaderPool> reader_pool,
           std::optional<notify_sdk::HttpEndpoint> endpoint, const ServeOptions& options)
      : engine_({}, options.risk_delay),
        guard_(engine_, {}, {.deadline = options.risk_deadline}),
        writer_(std::move(database)),
        readers_(std::move(reader_pool)),
        endpoint_(std::move(endpoint)),
        service_(writer_, *readers_, guard_,
                 [this] {
                   if (dispatcher_) dispatcher_->wake();
                 }),
        key_retention_(options.key_retention) {
    if (endpoint_)
      dispatcher_.emplace(writer_, *readers_, *endpoint_,
                          notify_sdk::DispatcherOptions{.attempts_max = options.webhook_attempts});
  }

  // `debug_listener`: of /debug/pprof/ and /metrics, if anywhere.
  Result<void> run(const Context& context, sluice::net::Listener listener,
                   std::optional<sluice::net::Listener> debug_listener) {
    auto [serving, stop_serving] = sluice::with_cancel(context);
    sluice::http::Router router;
    payment_core::add_routes(router, service_, [serving = serving]() -> Result<void> {
      if (serving.cancelled()) return Error{Code::unavailable, "the service is shutting down"};
      return {};
    });
    sluice::http::Server server{std::move(router)};
    // Webhooks go on while the last requests finish, hence not under `context`.
    sluice::sync::Group dispatching;
    if (dispatcher_)
      dispatching.go([&](Context dispatch_context) -> Result<void> {
        Result<void> ended = dispatcher_->run(dispatch_context);
        if (!ended) stop_serving(ended.error());
        return ended;
      });
    sluice::sync::Group forgetting{serving};
    forgetting.go([&](Context context) -> Result<void> {
      forget_old_keys(context, service_, key_retention_);
      return {};
    });
    sluice::sync::Group debugging;  // to the end: what does not end can be asked why
    if (debug_listener)
      debugging.go(
          [&](Context context) { return serve_debug(context, *std::move(debug_listener)); });
    Result<void> served = server.serve(serving, std::move(listener));
    forgetting.cancel();
    SLUICE_TRY(forgetting.wait());
    dispatching.cancel();
    SLUICE_TRY(dispatching.wait());
    debugging.cancel();
    SLUICE_TRY(debugging.wait());
    return served;
  }

  void print_totals() const {
    printf(
        "payments: stopped; %llu commands in %llu commits, %lld webhooks delivered, "
        "%lld given up, %lld risk fallbacks\n",
        static_cast<unsigned long long>(writer_.commands()),
        static_cast<unsigned long long>(writer_.transactions()),
        static_cast<long long>(dispatcher_ ? dispatcher_->delivered() : 0),
        static_cast<long long>(dispatcher_ ? dispatcher_->given_up() : 0),
        static_cast<long long>(guard_.fallbacks()));
    fflush(stdout);
  }

 private:
  DelayedEngine engine_;
  risk_engine::Guard guard_;
  sluice::sqlite::Writer writer_;
  std::unique_ptr<sluice::sqlite::ReaderPool> readers_;
  std::optional<notify_sdk::HttpEndpoint> endpoint_;
  std::optional<notify_sdk::Dispatcher> dispatcher_;
  payment_core::Service service_;
  const sluice::Duration key_retention_;
};

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
  sluice::sqlite::Database database = SLUICE_TRY(open_database(options.database));
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
  Payments payments{std::move(database), std::move(reader_pool), std::move(endpoint), options};
  // The line that scripts wait for: from here on the kernel queues connections.
  printf("payments: listening on http://%s\n", address.c_str());
  fflush(stdout);
  SLUICE_TRY(payments.run(context, std::move(listener), std::move(debug_listener)));
  payments.print_totals();
  return 0;
}

}  // namespace payments_cmd
