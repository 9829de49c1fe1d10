// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/dispatcher.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sluice/chan/select.h"
#include "sluice/runtime/go.h"

namespace notify_sdk {

using sluice::Channel;
using sluice::Context;
using sluice::Duration;
using sluice::Instant;
using sluice::Result;

namespace {

int64_t unix_milliseconds() {
  return std::chrono::floor<std::chrono::milliseconds>(sluice::wall()).time_since_epoch().count();
}

std::chrono::milliseconds rounded_up(Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

}  // namespace

// The state of one run(): owned by one goroutine, so nothing here is locked. A delivery is in
// exactly one place: in ready_ (may start), under way, in outcomes_ or recording_ (has ended), in
// retries_ (waits for its moment), or in its line behind an earlier one of its subject.
class Dispatcher::Run {
 public:
  Run(Dispatcher& owner, const Context& context) : owner_(owner), context_(context) {}

  Result<void> loop() {
    Result<void> result = deliver();
    // Also after an error: the goroutines that are left use the owner and this object.
    while (under_way_ > 0) take(*finished_.receive());
    if (is_recording()) {
      Result<void> recorded = settle(*recorded_.receive());
      if (result) result = std::move(recorded);
    }
    if (!result || outcomes_.empty()) return result;
    record();
    return settle(*recorded_.receive());
  }

 private:
  using Item = std::shared_ptr<Delivery>;
  struct Outcome {
    Item item;
    Result<void> result;
  };

  Result<void> deliver() {
    while (!context_.cancelled()) {
      SLUICE_TRY(load());
      release_due_retries();
      start_deliveries();
      SLUICE_TRY(wait());
      if (!is_recording() && !outcomes_.empty()) record();
    }
    return {};
  }

  // Reads rows behind the last one read, while there may be any and there is room for them.
  Result<void> load() {
    const size_t room = owner_.options_.window - std::min(owner_.options_.window, held_);
    if (!more_in_table_ || room < owner_.options_.window / 4) return {};
    // Not the run's context: what is read at the end of a run is simply not delivered any more.
    sluice::sqlite::ReaderPool::Reader reader =
        SLUICE_TRY(owner_.readers_.acquire(Context::background()));
    std::vector<Delivery> rows = SLUICE_TRY(sluice::blocking(
        [&] { return read_undelivered(*reader, last_sequence_, static_cast<int64_t>(room)); }));
    more_in_table_ = rows.size() == room;
    for (Delivery& row : rows) {
      last_sequence_ = row.sequence;
      admit(std::make_shared<Delivery>(std::move(row)));
    }
    return {};
  }

  void admit(Item item) {
    ++held_;
    std::deque<Item>& line = lines_[item->event.subject];
    line.push_back(item);
    if (line.size() == 1) schedule(item);
  }

  // The first of its subject's line: now, or when its pause after a failure is over.
  void schedule(const Item& item) {
    const int64_t pause = item->not_before - unix_milliseconds();
    if (pause <= 0)
      ready_.push_back(item);
    else
      // Bounded, in case the calendar was set back meanwhile.
      retries_.emplace(sluice::now() + std::min<Duration>(std::chrono::milliseconds{pause},
                                                          owner_.options_.backoff.ceiling),
                       item);
  }

  void release_due_retries() {
    const Instant now = sluice::now();
    while (!retries_.empty() && retries_.begin()->first <= now) {
      ready_.push_back(retries_.begin()->second);
      retries_.erase(retries_.begin());
    }
  }

  void start_deliveries() {
    while (!ready_.empty() && under_way_ < owner_.options_.concurrency) {
      ++under_way_;
      // Deliveries outlive the run's context by their timeout: cutting one off would only make the
      // receiver see it twice.
      sluice::go([&owner = owner_, finished = finished_, item = std::move(ready_.front())] {
        auto [context, cancel] =
            sluice::with_timeout(Context::background(), owner.options_.delivery_timeout);
        Result<void> result = owner.endpoint_.deliver(context, *item);
        finished.send({.item = item, .result = std::move(result)});
      });
      ready_.pop_front();
    }
  }

  // Until something can be done: a delivery ended, outcomes were written, rows came, a retry is
  // due, the context ended.
  Result<void> wait() {
    const Duration until_retry =
        retries_.empty() ? std::chrono::hours{24} : retries_.begin()->first - sluice::now();
    Result<void> recorded;
    sluice::select(
        sluice::on_receive(finished_, [&](Outcome outcome) { take(std::move(outcome)); }),
        sluice::on_receive(recorded_, [&](Result<void> result) { recorded = settle(result); }),
        sluice::on_receive(owner_.wake_, [&] { more_in_table_ = true; }),
        sluice::on_receive(context_.done()), sluice::on_timeout(until_retry));
    while (std::optional<Outcome> outcome = finished_.try_receive()) take(*std::move(outcome));
    return recorded;
  }

  void take(Outcome outcome) {
    --under_way_;
    outcomes_.push_back(std::move(outcome));
  }

  bool is_recording() const { return !recording_.empty(); }

  // Writes how deliveries ended, all that did so since the last time in one transaction, while
  // further ones go on.
  void record() {
    recording_ = std::exchange(outcomes_, {});
    for (Outcome& outcome : recording_)
      if (!outcome.result) plan_retry(*outcome.item);
    sluice::go([this] {
      recorded_.send(owner_.writer_.run(
          [this](sluice::sqlite::Database& database) { return write(database); }));
    });
  }

  Result<void> write(sluice::sqlite::Database& database) const {
    const int64_t now = unix_milliseconds();
    for (const Outcome& outcome : recording_) {
      const Delivery& delivery = *outcome.item;
      if (outcome.result)
        SLUICE_TRY(mark_delivered(database, delivery.sequence, now));
      else
        SLUICE_TRY(mark_failed(database, delivery.sequence, delivery.not_before,
                               outcome.result.error().to_string()));
    }
    return {};
  }

  void plan_retry(Delivery& delivery) {
    ++delivery.attempts;
    const Duration pause = owner_.options_.backoff.after(delivery.attempts, random_());
    delivery.not_before = unix_milliseconds() + rounded_up(pause).count();
  }

  // After the outcomes are on disk: what failed is tried again, what was delivered makes room.
  Result<void> settle(const Result<void>& recorded) {
    for (const Outcome& outcome : std::exchange(recording_, {})) {
      if (outcome.result) {
        owner_.delivered_.fetch_add(1, std::memory_order_relaxed);
        leave_line(outcome.item->event.subject);
      } else {
        owner_.failed_.fetch_add(1, std::memory_order_relaxed);
        schedule(outcome.item);
      }
    }
    return recorded;
  }

  void leave_line(const std::string& subject) {
    --held_;
    auto line = lines_.find(subject);
    line->second.pop_front();
    if (line->second.empty())
      lines_.erase(line);
    else
      schedule(line->second.front());
  }

  Dispatcher& owner_;
  const Context& context_;
  int64_t last_sequence_ = 0;
  bool more_in_table_ = true;
  size_t held_ = 0;                                          // rows in memory
  size_t under_way_ = 0;                                     // deliveries started and not settled
  std::unordered_map<std::string, std::deque<Item>> lines_;  // by subject; the first one is active
  std::deque<Item> ready_;
  std::multimap<Instant, Item> retries_;
  std::vector<Outcome> outcomes_;   // ended, not yet being written
  std::vector<Outcome> recording_;  // being written; the recorder's goroutine reads it
  Channel<Result<void>> recorded_{1};
  // Has room for every delivery under way: their goroutines never wait to report.
  Channel<Outcome> finished_{owner_.options_.concurrency};
  std::minstd_rand random_{std::random_device{}()};
};

Dispatcher::Dispatcher(sluice::sqlite::Writer& writer, sluice::sqlite::ReaderPool& readers,
                       Endpoint& endpoint, DispatcherOptions options)
    : writer_(writer), readers_(readers), endpoint_(endpoint), options_(options) {}

Result<void> Dispatcher::run(const Context& context) { return Run{*this, context}.loop(); }

}  // namespace notify_sdk
