// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sluice/runtime/simulated_scheduler.h"
#include "sluice/simulation/internal/shared_run.h"
#include "sluice/simulation/schedule.h"

namespace sluice::simulation::internal {

// A small generator (SplitMix64, Steele, Lea and Flood 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // Below `bound`, which is not 0.
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>((uint64_t{static_cast<uint32_t>(next() >> 32)} * bound) >> 32);
  }

 private:
  uint64_t state_;
};

// Numbers a run's decisions, knows the harmless one of each, and records what departs from it. Who
// derives from it says what is decided.
//
// Whose turn it is, is decided as a rank: 0 is whoever runs, or, if it cannot go on or yields, the
// next by number; 1 the one after, and so on in a circle. So a schedule says the same when others
// are there than when it was recorded, as happens while it is shrunk.
class NumberingDecider : public runtime::Decider {
 public:
  explicit NumberingDecider(SharedRun& run, uint64_t seed);
  virtual ~NumberingDecider() = default;

  bool looks() final;
  size_t next(std::span<const uint64_t> ids, size_t current, bool yields) final;
  uint32_t choose(runtime::Decision kind, uint32_t count) final;
  bool happens(runtime::Decision kind, uint32_t per_million) final;
  uint64_t random_bits() final { return random_.next(); }
  void switched(uint64_t goroutine, std::string_view label, Instant when) final;
  void noted(uint64_t goroutine, Instant when, std::string_view what) final;

  // Text of all that happened: one line each, of words and numbers only. Null: not wanted.
  void write_trace_to(std::string* trace) { trace_ = trace; }
  // Of the same, whether it is written or not.
  uint64_t trace_hash() const { return hash_; }
  uint64_t decisions() const { return number_; }

 protected:
  // Whether rank() is to be asked at decision `number`, where the running goroutine could go on.
  virtual bool wants_to_look(uint64_t number) = 0;
  // `ids[first]` is rank 0. `forced`: not asked for by wants_to_look.
  virtual uint32_t rank(uint64_t number, std::span<const uint64_t> ids, size_t first,
                        bool forced) = 0;
  virtual uint32_t pick(uint64_t number, runtime::Decision kind, uint32_t count) = 0;
  virtual bool fails(uint64_t number, uint32_t per_million) = 0;
  // Who runs, or ran last.
  uint64_t running() const { return goroutine_; }

 private:
  void depart(uint32_t value);
  void line(Instant when, uint64_t goroutine, std::string_view what);
  uint64_t since_begin(Instant when);

  SharedRun& run_;
  Random random_;
  std::string* trace_ = nullptr;
  uint64_t number_ = 0;
  uint64_t hash_ = 0xcbf29ce484222325;
  uint64_t goroutine_ = 0;
  Instant begin_{};
  bool departed_ = false;  // since the last event
};

// How much less a random decider departs from the harmless run than it would: so many times in a
// million of the times that it would, by faults and by everything else.
struct Quiet {
  uint64_t attempt = 0;  // another one, other decisions; the program's random numbers stay
  uint32_t faults_per_million = 1'000'000;
  uint32_t others_per_million = 1'000'000;
};

// Decides at random. A seed also chooses how: how often somebody is interrupted, or priorities that
// change at few moments (PCT: Burckhardt and others, ASPLOS 2010), which find other bugs.
class RandomDecider final : public NumberingDecider {
 public:
  RandomDecider(SharedRun& run, uint64_t seed, bool faults, Quiet quiet = {});

 private:
  bool wants_to_look(uint64_t number) override;
  uint32_t rank(uint64_t number, std::span<const uint64_t> ids, size_t first, bool forced) override;
  uint32_t pick(uint64_t number, runtime::Decision kind, uint32_t count) override;
  bool fails(uint64_t number, uint32_t per_million) override;
  uint64_t priority(uint64_t id);
  bool departs(uint32_t per_million);

  Random random_;
  const bool faults_;
  const Quiet quiet_;
  bool by_priority_;
  uint32_t interrupts_;        // of 2^32 points
  uint64_t change_every_ = 0;  // decisions, on the average, between changes of priority
  uint64_t next_change_ = 0;
  std::map<uint64_t, uint64_t> priorities_;
  uint64_t lowest_ = 1 << 20;
};

// Decides as a schedule says, harmlessly where it says nothing.
class ScriptedDecider final : public NumberingDecider {
 public:
  ScriptedDecider(SharedRun& run, uint64_t seed, const Schedule& schedule)
      : NumberingDecider(run, seed), schedule_(schedule) {}

 private:
  uint32_t value_at(uint64_t number);
  bool wants_to_look(uint64_t number) override;
  uint32_t rank(uint64_t number, std::span<const uint64_t> ids, size_t first, bool forced) override;
  uint32_t pick(uint64_t number, runtime::Decision kind, uint32_t count) override;
  bool fails(uint64_t number, uint32_t per_million) override;

  const Schedule& schedule_;
  size_t at_ = 0;
};

// Follows a schedule, and records where behind its end one could depart further, and how.
class SearchDecider final : public NumberingDecider {
 public:
  struct Fork {
    uint64_t at;
    uint32_t count;  // outcomes, the harmless one included
  };
  // `forks` null: nobody wants to know.
  SearchDecider(SharedRun& run, const Schedule& schedule, std::vector<Fork>* forks)
      : NumberingDecider(run, 1), schedule_(schedule), forks_(forks) {}

 private:
  uint32_t value_at(uint64_t number, uint32_t count);
  bool wants_to_look(uint64_t number) override;
  uint32_t rank(uint64_t number, std::span<const uint64_t> ids, size_t first, bool forced) override;
  uint32_t pick(uint64_t number, runtime::Decision kind, uint32_t count) override;
  bool fails(uint64_t, uint32_t) override { return false; }

  const Schedule& schedule_;
  size_t at_ = 0;
  std::vector<Fork>* const forks_;
};

}  // namespace sluice::simulation::internal
