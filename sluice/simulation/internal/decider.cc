// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/decider.h"

#include <algorithm>
#include <charconv>

namespace sluice::simulation::internal {

using runtime::Decision;

NumberingDecider::NumberingDecider(SharedRun& run, uint64_t seed)
    : run_(run), random_(seed ^ 0x5157494345) {}

bool NumberingDecider::looks() {
  run_.beat.store(run_.beat.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return wants_to_look(++number_);
}

size_t NumberingDecider::next(std::span<const uint64_t> ids, size_t current, bool yields) {
  bool forced = yields || current == ids.size();
  if (forced) ++number_;  // else looks() has
  size_t first = current;
  if (forced) {
    auto after = std::upper_bound(ids.begin(), ids.end(), goroutine_);
    first = after == ids.end() ? 0 : static_cast<size_t>(after - ids.begin());
  }
  uint32_t value = rank(number_, ids, first, forced) % static_cast<uint32_t>(ids.size());
  if (value != 0) depart(value);
  return (first + value) % ids.size();
}

uint32_t NumberingDecider::choose(Decision kind, uint32_t count) {
  ++number_;
  if (count < 2) return 0;
  uint32_t value = std::min(pick(number_, kind, count), count - 1);
  if (value != 0) depart(value);
  return value;
}

bool NumberingDecider::happens(Decision kind, uint32_t per_million) {
  ++number_;
  bool value = fails(number_, per_million);
  if (value) {
    depart(1);
    if (kind == Decision::fault) run_.faults.fetch_add(1, std::memory_order_relaxed);
  }
  return value;
}

void NumberingDecider::depart(uint32_t value) {
  run_.add({number_, value});
  departed_ = true;
}

uint64_t NumberingDecider::since_begin(Instant when) {
  if (begin_ == Instant{}) begin_ = when;
  return static_cast<uint64_t>((when - begin_).count());
}

void NumberingDecider::switched(uint64_t goroutine, std::string_view label, Instant when) {
  uint64_t left = std::exchange(goroutine_, goroutine);
  run_.decisions = number_;  // it may crash before its end
  run_.beat.fetch_add(1, std::memory_order_relaxed);
  line(when, goroutine, "runs");
  if (!run_.wants_events) return;
  SharedRun::Event* event = run_.add_event();
  if (event == nullptr) return;
  event->when = since_begin(when);
  event->goroutine = goroutine;
  event->left = left;
  event->departure = std::exchange(departed_, false);
  event->label[label.copy(event->label, sizeof event->label - 1)] = 0;
  event->frame_count = static_cast<uint8_t>(runtime::capture_left_stack(event->frames));
}

void NumberingDecider::noted(uint64_t goroutine, Instant when, std::string_view what) {
  line(when, goroutine, what);
  if (!run_.wants_events) return;
  SharedRun::Event* event = run_.add_event();
  if (event == nullptr) return;
  event->when = since_begin(when);
  event->goroutine = goroutine;
  event->departure = std::exchange(departed_, false);
  run_.set_text(*event, what);
}

void NumberingDecider::line(Instant when, uint64_t goroutine, std::string_view what) {
  char head[48];
  char* end = std::to_chars(head, head + 24, since_begin(when)).ptr;
  *end++ = ' ';
  end = std::to_chars(end, end + 22, goroutine).ptr;
  *end++ = ' ';
  auto mix = [this](std::string_view text) {  // FNV-1a
    for (char each : text) hash_ = (hash_ ^ static_cast<uint8_t>(each)) * 0x100000001b3;
  };
  std::string_view begin(head, static_cast<size_t>(end - head));
  mix(begin);
  mix(what);
  mix("\n");
  if (trace_ == nullptr) return;
  trace_->append(begin).append(what) += '\n';
}

RandomDecider::RandomDecider(SharedRun& run, uint64_t seed, bool faults, Quiet quiet)
    : NumberingDecider(run, seed),
      random_(seed + quiet.attempt * 0x9E3779B97F4A7C15),
      faults_(faults),
      quiet_(quiet) {
  by_priority_ = random_.below(4) == 0 && quiet.attempt == 0;
  // From one in 2 to one in 256.
  interrupts_ = uint32_t{1} << (31 - random_.below(8));
  if (!by_priority_) return;
  change_every_ = uint64_t{8} << random_.below(8);
  next_change_ = 1 + random_.next() % change_every_;
}

bool RandomDecider::departs(uint32_t per_million) {
  return per_million == 1'000'000 || random_.below(1'000'000) < per_million;
}

bool RandomDecider::wants_to_look(uint64_t) {
  if (by_priority_) return true;
  return static_cast<uint32_t>(random_.next() >> 32) < interrupts_ &&
         departs(quiet_.others_per_million);
}

uint64_t RandomDecider::priority(uint64_t id) {
  auto [at, fresh] = priorities_.try_emplace(id);
  if (fresh) at->second = (random_.next() >> 1) | (1 << 21);
  return at->second;
}

uint32_t RandomDecider::rank(uint64_t number, std::span<const uint64_t> ids, size_t first,
                             bool forced) {
  uint32_t count = static_cast<uint32_t>(ids.size());
  if (!by_priority_ && !forced) return 1 + random_.below(count - 1);
  if (!by_priority_) return departs(quiet_.others_per_million) ? random_.below(count) : 0;
  // Who runs falls behind everybody at a change, and when it yields.
  bool changes = number >= next_change_;
  if (changes) next_change_ = number + 1 + random_.next() % (2 * change_every_);
  if (changes || (forced && std::binary_search(ids.begin(), ids.end(), running())))
    priorities_[running()] = --lowest_;
  size_t best = 0;
  for (size_t i = 1; i < ids.size(); ++i)
    if (priority(ids[i]) > priority(ids[best])) best = i;
  return static_cast<uint32_t>((best + ids.size() - first) % ids.size());
}

uint32_t RandomDecider::pick(uint64_t, Decision kind, uint32_t count) {
  const bool departs_here =
      departs(kind == Decision::fault ? quiet_.faults_per_million : quiet_.others_per_million);
  return departs_here ? random_.below(count) : 0;
}

bool RandomDecider::fails(uint64_t, uint32_t per_million) {
  return faults_ && random_.below(1'000'000) < per_million && departs(quiet_.faults_per_million);
}

// Asked in ascending order, but not at each number.
uint32_t ScriptedDecider::value_at(uint64_t number) {
  while (at_ < schedule_.size() && schedule_[at_].at < number) ++at_;
  return at_ < schedule_.size() && schedule_[at_].at == number ? schedule_[at_].value : 0;
}

bool ScriptedDecider::wants_to_look(uint64_t number) { return value_at(number) != 0; }
uint32_t ScriptedDecider::rank(uint64_t number, std::span<const uint64_t>, size_t, bool) {
  return value_at(number);
}
uint32_t ScriptedDecider::pick(uint64_t number, Decision, uint32_t) { return value_at(number); }
bool ScriptedDecider::fails(uint64_t number, uint32_t) { return value_at(number) != 0; }

uint32_t SearchDecider::value_at(uint64_t number, uint32_t count) {
  while (at_ < schedule_.size() && schedule_[at_].at < number) ++at_;
  if (at_ < schedule_.size()) return schedule_[at_].at == number ? schedule_[at_].value : 0;
  if (forks_ != nullptr && count > 1) forks_->push_back({number, count});
  return 0;
}

bool SearchDecider::wants_to_look(uint64_t number) {
  if (forks_ != nullptr && (schedule_.empty() || number > schedule_.back().at)) return true;
  while (at_ < schedule_.size() && schedule_[at_].at < number) ++at_;
  return at_ < schedule_.size() && schedule_[at_].at == number;
}

uint32_t SearchDecider::rank(uint64_t number, std::span<const uint64_t> ids, size_t, bool) {
  return value_at(number, static_cast<uint32_t>(ids.size()));
}
uint32_t SearchDecider::pick(uint64_t number, Decision kind, uint32_t count) {
  return value_at(number, kind == Decision::pick ? count : 1);
}

}  // namespace sluice::simulation::internal
