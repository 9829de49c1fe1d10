// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/platform.h"

#include <utility>

#include "apps/payments/payment_core/http_api.h"
#include "apps/payments/payment_core/id.h"
#include "apps/payments/payment_core/schema.h"
#include "sluice/chan/select.h"
#include "sluice/http/router.h"
#include "sluice/sync/group.h"
#include "sluice/telemetry/log.h"

namespace payments_cmd {
namespace {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;

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

}  // namespace

Result<sluice::sqlite::Database> open_ledger(const std::string& path) {
  sluice::sqlite::Database database = SLUICE_TRY(sluice::sqlite::Database::open(path));
  if (Result<void> prepared = payment_core::prepare_schema(database); !prepared)
    return wrap(prepared.error(), path);
  return database;
}

Platform::Platform(sluice::sqlite::Database ledger,
                   std::unique_ptr<sluice::sqlite::ReaderPool> readers,
                   risk_engine::Assessor& assessor, notify_sdk::Endpoint* endpoint,
                   PlatformOptions options)
    : options_(std::move(options)),
      guard_(assessor, {}, options_.risk),
      writer_(std::move(ledger)),
      readers_(std::move(readers)),
      service_(writer_, *readers_, guard_, [this] {
        if (dispatcher_) dispatcher_->wake();
      }) {
  if (endpoint != nullptr) dispatcher_.emplace(writer_, *readers_, *endpoint, options_.webhooks);
}

Result<void> Platform::run(const Context& context, std::optional<sluice::net::Listener> listener) {
  auto [serving, stop_serving] = sluice::with_cancel(context);
  sluice::http::Router router;
  payment_core::add_routes(router, service_, [serving = serving]() -> Result<void> {
    if (serving.cancelled()) return Error{Code::unavailable, "the service is shutting down"};
    return {};
  });
  sluice::http::Server server{std::move(router), options_.server};
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
    forget_old_keys(context, service_, options_.key_retention);
    return {};
  });
  Result<void> served;
  if (listener)
    served = server.serve(serving, *std::move(listener));
  else
    (void)serving.done().receive();
  forgetting.cancel();
  SLUICE_TRY(forgetting.wait());
  dispatching.cancel();
  SLUICE_TRY(dispatching.wait());
  return served;
}

std::string Platform::totals() const {
  return std::to_string(writer_.commands()) + " commands in " +
         std::to_string(writer_.transactions()) + " commits, " +
         std::to_string(dispatcher_ ? dispatcher_->delivered() : 0) + " webhooks delivered, " +
         std::to_string(dispatcher_ ? dispatcher_->given_up() : 0) + " given up, " +
         std::to_string(guard_.fallbacks()) + " risk fallbacks";
}

}  // namespace payments_cmd
