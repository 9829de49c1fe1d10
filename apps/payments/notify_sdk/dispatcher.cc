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
// exactly one place: under way, in ready_ (may start), in retries_ (waits for its moment), or in
// blocked_ behind an earlier one of its subject.
class Dispatcher::Run {
 public:
  Run(Dispatcher& owner, const Context& context) : owner_(owner), context_(context) {}

  Result<void> loop() {
    Result<void> result = deliver();
    // Also after an error: the deliveries' goroutines use the owner.
    while (under_way_ > outcomes_.size()) outcomes_.push_back(*finished_.receive());
    return result ? record_outcomes() : result;
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
      wait();
      SLUICE_TRY(record_outcomes());
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

  // Until something can be done: a delivery ended, rows came, a retry is due, the context ended.
  void wait() {
    const Duration until_retry =
        retries_.empty() ? std::chrono::hours{24} : retries_.begin()->first - sluice::now();
    sluice::select(
        sluice::on_receive(finished_,
                           [&](Outcome outcome) { outcomes_.push_back(std::move(outcome)); }),
        sluice::on_receive(owner_.wake_, [&] { more_in_table_ = true; }),
        sluice::on_receive(context_.done()), sluice::on_timeout(until_retry));
    while (std::optional<Outcome> outcome = finished_.try_receive())
      outcomes_.push_back(std::move(*outcome));
  }

  // One transaction for all deliveries that ended while the one before was being written.
  Result<void> record_outcomes() {
    if (outcomes_.empty()) return {};
    for (Outcome& outcome : outcomes_)
      if (!outcome.result) plan_retry(*outcome.item);
    SLUICE_TRY(owner_.writer_.run([&](sluice::sqlite::Database& database) -> Result<void> {
      const int64_t now = unix_milliseconds();
      for (const Outcome& outcome : outcomes_) {
        const Delivery& delivery = *outcome.item;
        if (outcome.result)
          SLUICE_TRY(mark_delivered(database, delivery.sequence, now));
        else
          SLUICE_TRY(mark_failed(database, delivery.sequence, delivery.not_before,
                                 outcome.result.error().to_string()));
      }
      return {};
    }));
    for (Outcome& outcome : outcomes_) settle(outcome);
    outcomes_.clear();
    return {};
  }

  void plan_retry(Delivery& delivery) {
    ++delivery.attempts;
    const Duration pause = owner_.options_.backoff.after(delivery.attempts, random_());
    delivery.not_before = unix_milliseconds() + rounded_up(pause).count();
  }

  void settle(const Outcome& outcome) {
    --under_way_;
    if (!outcome.result) {
      owner_.failed_.fetch_add(1, std::memory_order_relaxed);
      return schedule(outcome.item);
    }
    owner_.delivered_.fetch_add(1, std::memory_order_relaxed);
    --held_;
    auto line = lines_.find(outcome.item->event.subject);
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
  std::vector<Outcome> outcomes_;
  // Has room for every delivery under way: their goroutines never wait to report.
  Channel<Outcome> finished_{owner_.options_.concurrency};
  std::minstd_rand random_{std::random_device{}()};
};

Dispatcher::Dispatcher(sluice::sqlite::Writer& writer, sluice::sqlite::ReaderPool& readers,
                       Endpoint& endpoint, DispatcherOptions options)
    : writer_(writer), readers_(readers), endpoint_(endpoint), options_(options) {}

Result<void> Dispatcher::run(const Context& context) { return Run{*this, context}.loop(); }

}  // namespace notify_sdk
