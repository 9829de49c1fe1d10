// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/server.h"

#include <optional>
#include <utility>

#include "sluice/chan/select.h"
#include "sluice/http/internal/report.h"
#include "sluice/http/internal/server_conn.h"
#include "sluice/http/internal/server_run.h"
#include "sluice/runtime/go.h"

namespace sluice::http {
namespace {

using internal::ServerConn;
using internal::ServerRun;

// Starts connections until the context ends or the listener fails.
Result<void> accept_all(const Context& context, const std::shared_ptr<ServerRun>& run,
                        net::Listener& listener) {
  internal::ServerShared& shared = run->shared();
  for (;;) {
    // At connections_max further clients wait in the kernel's backlog.
    bool ended = false;
    if (!shared.slots.try_send({}))
      select(on_send(shared.slots, Unit{}, [] {}),
             on_receive(context.done(), [&] { ended = true; }));
    if (ended || context.cancelled()) return {};
    Result<net::Conn> conn = listener.accept();
    if (!conn) {
      shared.slots.try_receive();
      return context.cancelled() ? Result<void>() : std::move(conn).error();
    }
    shared.accepted.fetch_add(1, std::memory_order_relaxed);
    run->admit();
    Result<void> started = try_go([run, conn = std::move(*conn)]() mutable {
      ServerConn(std::move(run), std::move(conn)).serve();
    });
    if (!started) {  // the connection was closed with the closure
      run->left();
      internal::report_overload(started.error());
    }
  }
}

}  // namespace

struct Server::State : internal::ServerShared {
  using ServerShared::ServerShared;
};

Server::Server(Handler handler, ServerOptions options)
    : state_(std::make_shared<State>(std::move(handler), std::move(options))) {}

Server::~Server() = default;

Result<void> Server::serve(Context context, net::Listener listener) {
  auto run = std::make_shared<ServerRun>(state_, context);
  Channel<Unit> interrupted{1};
  StopFunc stop = after_func(context, [&listener, interrupted] {
    listener.interrupt();
    interrupted.send({});
  });
  Result<void> accepted = accept_all(context, run, listener);
  if (!stop()) interrupted.receive();  // it must not touch the listener later
  listener.close();

  run->drain();
  if (!run->wait_all(state_->options.drain_timeout)) {
    run->stop();
    run->wait_all(std::nullopt);
  }
  return accepted;
}

Result<void> Server::listen_and_serve(Context context, std::string_view address) {
  return serve(std::move(context), SLUICE_TRY(net::Listener::listen(address)));
}

ServerStats Server::stats() const {
  ServerStats stats;
  stats.connections_accepted = state_->accepted.load(std::memory_order_relaxed);
  stats.connections_open = state_->open.load(std::memory_order_relaxed);
  stats.requests = state_->requests.load(std::memory_order_relaxed);
  stats.requests_shed = state_->shed.load(std::memory_order_relaxed);
  stats.requests_refused = state_->refused.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace sluice::http
