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

#include "sluice/base/random.h"
#include "sluice/chan/select.h"
#include "sluice/runtime/go.h"
#include "sluice/telemetry/log.h"

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
    while (!context_.cancelled()) {
      if (!is_pausing()) {
        load();
        if (!writing_ && is_something_to_record()) record();
        release_due_retries();
        // What was delivered and cannot be recorded would be delivered again after a crash: while
        // the outbox takes nothing, no more of that.
        if (!write_failed_) start_deliveries();
      }
      wait();
    }
    // The goroutines that are left use the owner and this object.
    while (under_way_ > 0) take(*finished_.receive());
    if (writing_) settle(*recorded_.receive());
    // Once for what could not be written before, once for what ended meanwhile.
    while (is_something_to_record()) {
      record();
      Result<void> recorded = *recorded_.receive();
      settle(recorded);
      if (!recorded) return wrap(recorded.error(), "how webhooks ended could not be recorded");
    }
    return {};
  }

 private:
  using Item = std::shared_ptr<Delivery>;
  struct Outcome {
    Item item;
    Result<void> result;
  };

  // Reads rows behind the last one read, while there may be any and there is room for them.
  void load() {
    const size_t room = owner_.options_.window - std::min(owner_.options_.window, held_);
    if (!more_in_table_ || room < owner_.options_.window / 4) return;
    Result<std::vector<Delivery>> rows = read(static_cast<int64_t>(room));
    if (!rows) return pause(rows.error());
    more_in_table_ = rows->size() == room;
    for (Delivery& row : *rows) {
      last_sequence_ = row.sequence;
      admit(std::make_shared<Delivery>(std::move(row)));
    }
  }

  Result<std::vector<Delivery>> read(int64_t limit) {
    // Not the run's context: what is read at the end of a run is simply not delivered any more.
    sluice::sqlite::ReaderPool::Reader reader =
        SLUICE_TRY(owner_.readers_.acquire(Context::background()));
    return sluice::blocking([&] { return read_undelivered(*reader, last_sequence_, limit); });
  }

  void pause(const sluice::Error& error) {
    sluice::log(sluice::Level::error, "the outbox does not answer; webhooks wait",
                {{"error", error.to_string()}});
    paused_until_ = sluice::now() + owner_.options_.database_pause;
  }

  bool is_pausing() const { return sluice::now() < paused_until_; }

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

  // Until something can be done: a delivery ended, outcomes were written, rows came or may have, a
  // retry is due, a pause is over, the context ended.
  void wait() {
    const Instant now = sluice::now();
    Duration patience = owner_.options_.poll_interval;
    if (now < paused_until_)
      patience = paused_until_ - now;
    else if (!retries_.empty())
      patience = std::min(patience, retries_.begin()->first - now);
    sluice::select(
        sluice::on_receive(finished_, [&](Outcome outcome) { take(std::move(outcome)); }),
        sluice::on_receive(recorded_, [&](const Result<void>& result) { settle(result); }),
        sluice::on_receive(owner_.wake_, [&] { more_in_table_ = true; }),
        sluice::on_receive(context_.done()),
        sluice::on_timeout(patience, [&] { more_in_table_ = true; }));
    while (std::optional<Outcome> outcome = finished_.try_receive()) take(*std::move(outcome));
  }

  void take(Outcome outcome) {
    --under_way_;
    if (!outcome.result) plan_retry(*outcome.item);
    outcomes_.push_back(std::move(outcome));
  }

  bool is_something_to_record() const { return !recording_.empty() || !outcomes_.empty(); }

  // Writes how deliveries ended, all that did so since the last time in one transaction, while
  // further ones go on. What could not be written the last time comes first.
  void record() {
    if (recording_.empty()) recording_ = std::exchange(outcomes_, {});
    writing_ = true;
    sluice::go([this] {
      recorded_.send(owner_.writer_.run(
          [this](sluice::sqlite::Database& database) { return write(database); }));
    });
  }

  Result<void> write(sluice::sqlite::Database& database) const {
    const int64_t now = unix_milliseconds();
    for (const auto& [item, result] : recording_) {
      if (result)
        SLUICE_TRY(mark_delivered(database, item->sequence, now));
      else if (is_given_up(*item))
        SLUICE_TRY(mark_dead(database, item->sequence, now, result.error().to_string()));
      else
        SLUICE_TRY(
            mark_failed(database, item->sequence, item->not_before, result.error().to_string()));
    }
    return {};
  }

  bool is_given_up(const Delivery& delivery) const {
    return delivery.attempts >= owner_.options_.attempts_max;
  }

  void plan_retry(Delivery& delivery) {
    ++delivery.attempts;
    const Duration pause = owner_.options_.backoff.after(delivery.attempts, random_());
    delivery.not_before = unix_milliseconds() + rounded_up(pause).count();
  }

  // After the outcomes are on disk: what failed is tried again, what has ended makes room. If they
  // are not, all stay as they are.
  void settle(const Result<void>& recorded) {
    writing_ = false;
    write_failed_ = !recorded;
    if (!recorded) return pause(recorded.error());
    for (const Outcome& outcome : std::exchange(recording_, {})) {
      if (outcome.result) {
        owner_.delivered_.fetch_add(1, std::memory_order_relaxed);
        leave_line(outcome.item->event.subject);
        continue;
      }
      owner_.failed_.fetch_add(1, std::memory_order_relaxed);
      if (is_given_up(*outcome.item))
        bury(outcome);
      else
        schedule(outcome.item);
    }
  }

  void bury(const Outcome& outcome) {
    const Delivery& delivery = *outcome.item;
    owner_.given_up_.fetch_add(1, std::memory_order_relaxed);
    sluice::log(sluice::Level::error, "webhook given up",
                {{"event", delivery.event.id},
                 {"subject", delivery.event.subject},
                 {"attempts", delivery.attempts},
                 {"error", outcome.result.error().to_string()}});
    leave_line(delivery.event.subject);
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
  std::vector<Outcome> recording_;  // to be written next; while writing_, the recorder reads it
  bool writing_ = false;
  bool write_failed_ = false;  // the latest one
  Instant paused_until_{};     // the outbox does not answer: nothing is begun before
  Channel<Result<void>> recorded_{1};
  // Has room for every delivery under way: their goroutines never wait to report.
  Channel<Outcome> finished_{owner_.options_.concurrency};
  std::minstd_rand random_{static_cast<uint_fast32_t>(sluice::random_bits())};
};

Dispatcher::Dispatcher(sluice::sqlite::Writer& writer, sluice::sqlite::ReaderPool& readers,
                       Endpoint& endpoint, DispatcherOptions options)
    : writer_(writer), readers_(readers), endpoint_(endpoint), options_(options) {}

Result<void> Dispatcher::run(const Context& context) { return Run{*this, context}.loop(); }

}  // namespace notify_sdk
