// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apps/payments/notify_sdk/backoff.h"
#include "apps/payments/notify_sdk/outbox.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/context/context.h"
#include "sluice/sqlite/reader_pool.h"
#include "sluice/sqlite/writer.h"

namespace notify_sdk {

// Where events go.
class Endpoint {
 public:
  virtual ~Endpoint() = default;

  // Delivers one event, within `context`. Called from several goroutines at once.
  // Errors: anything; the event will be delivered again, later, unless it was the last attempt.
  virtual sluice::Result<void> deliver(const sluice::Context& context,
                                       const Delivery& delivery) = 0;
};

struct DispatcherOptions {
  size_t concurrency = 16;  // deliveries under way at once
  size_t window = 2048;     // undelivered rows held in memory
  sluice::Duration delivery_timeout = std::chrono::seconds{10};
  Backoff backoff;
  // Failed attempts after which an event is given up. With the backoff's 5 minutes the default is
  // about two and a half days.
  int64_t attempts_max = 1000;
  // How often to look for rows that another process queued (requeue_dead): nobody wakes us for it.
  sluice::Duration poll_interval = std::chrono::seconds{5};
  // The pause after the outbox could not be read or written (disk full, locked by somebody).
  sluice::Duration database_pause = std::chrono::seconds{1};
};

// Delivers the outbox's rows to one endpoint, at least once each: a row is marked only after the
// endpoint took it, so what is under way when the process dies is delivered again by the next one.
//
// Ordering: the events of one subject (a payment and its refunds) are delivered one after the
// other in the order of their commits; a failing one holds back those of its subject only. There is
// no order between subjects.
//
// A failed delivery is repeated with growing pauses, attempts_max times in all; then the event is a
// dead letter (outbox.h), and its subject's next one has its turn. A requeued one is behind them.
class Dispatcher {
 public:
  // All must outlive the Dispatcher. One dispatcher per outbox.
  Dispatcher(sluice::sqlite::Writer& writer, sluice::sqlite::ReaderPool& readers,
             Endpoint& endpoint, DispatcherOptions options = {});

  // Delivers until `context` ends; then starts no more deliveries, waits for those under way, and
  // records how they went. While the outbox cannot be read or written it logs that, starts nothing
  // new, and tries again.
  // Errors: SQLite's, when the last outcomes could not be recorded: those events come again.
  sluice::Result<void> run(const sluice::Context& context);

  // There are new rows. To be called after their commit; cheap, never waits, from anywhere.
  void wake() const { (void)wake_.try_send(sluice::Unit{}); }

  int64_t delivered() const { return delivered_.load(std::memory_order_relaxed); }
  int64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  int64_t given_up() const { return given_up_.load(std::memory_order_relaxed); }

 private:
  class Run;

  sluice::sqlite::Writer& writer_;
  sluice::sqlite::ReaderPool& readers_;
  Endpoint& endpoint_;
  const DispatcherOptions options_;
  sluice::Channel<sluice::Unit> wake_{1};
  std::atomic<int64_t> delivered_{0};
  std::atomic<int64_t> failed_{0};
  std::atomic<int64_t> given_up_{0};
};

}  // namespace notify_sdk
