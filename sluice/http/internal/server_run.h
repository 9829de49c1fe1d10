// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/http/internal/exchange.h"
#include "sluice/http/server.h"
#include "sluice/runtime/memory.h"
#include "sluice/sync/mutex.h"

namespace sluice::http::internal {

class ServerConn;

// What all of a server's listeners share.
struct ServerShared {
  ServerShared(Handler handler, ServerOptions options)
      : handler(std::move(handler)),
        options(std::move(options)),
        slots(this->options.connections_max) {}

  const Handler handler;
  const ServerOptions options;
  ExchangePool pool;
  Channel<Unit> slots;  // holds one value per open connection
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> open{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> shed{0};
  std::atomic<int64_t> shed_reported_ns{0};  // when the log was told last, as now() counts
  // After what it frees from.
  MemoryListener memory{[this](MemoryNotice notice) {
    if (notice.pressure != MemoryPressure::none) pool.drain();
  }};
};

// One serve() call: its connections and how they end. Shared by their goroutines.
//
// Shutdown: drain() tells every connection to end after its running request and wakes those that
// have none; stop() cancels the requests' contexts and fails all waits. wait_all() returns when the
// last connection's goroutine has left.
class ServerRun {
 public:
  ServerRun(std::shared_ptr<ServerShared> shared, const Context& context);

  ServerShared& shared() { return *shared_; }
  const Handler& handler() const { return shared_->handler; }
  const ServerOptions& options() const { return shared_->options; }
  // The ancestor of all requests' contexts: the serve() call's values, but ended by stop() only.
  const Context& base() const { return base_.context; }

  bool draining() const { return draining_.load(std::memory_order_seq_cst); }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

  // A connection counts from admit() until left(): the goroutine that was started for it may not
  // have run yet when the server drains. It is known from enter() until forget(), and closed in
  // between forget() and left(), so that nobody interrupts a closed one.
  void admit();
  void enter(ServerConn& conn);
  void forget(ServerConn& conn);
  void left();

  void drain();
  void stop();
  // False: `limit` passed before all had left; nullopt is no limit.
  bool wait_all(std::optional<Duration> limit);

 private:
  const std::shared_ptr<ServerShared> shared_;
  CancellableContext base_;
  // seq_cst, with ServerConn's state: either drain() sees the connection idle, or the connection
  // sees that the server drains before it goes to sleep.
  std::atomic<bool> draining_{false};
  std::atomic<bool> stopped_{false};
  Channel<Unit> all_left_{1};

  // Guards the list and the connections' interruption. Not a std::mutex: whoever is interrupted
  // waits for locks of the runtime meanwhile, and in a simulation others run then.
  sync::Mutex mutex_;
  ServerConn* first_ = nullptr;
  size_t open_ = 0;  // admitted and not left
};

}  // namespace sluice::http::internal
