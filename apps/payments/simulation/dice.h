// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>

#include "sluice/base/random.h"
#include "sluice/base/time.h"

namespace payments_simulation {

// Random numbers of one actor's own. They come from the run's seed when the first one is made,
// before there are others: what each actor does stays the same when others do otherwise, as happens
// while a failure is shrunk.
// Source: SplitMix64 (Steele, Lea and Flood 2014).
class Dice {
 public:
  Dice() : state_(sluice::random_bits()) {}
  // Of another actor.
  Dice another() { return Dice{next()}; }

  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // Below `bound`, which is not 0.
  uint64_t below(uint64_t bound) { return next() % bound; }
  bool percent(uint64_t chance) { return below(100) < chance; }
  sluice::Duration up_to(sluice::Duration most) {
    return sluice::Duration(static_cast<int64_t>(below(static_cast<uint64_t>(most.count()) + 1)));
  }

 private:
  explicit Dice(uint64_t state) : state_(state) {}

  uint64_t state_;
};

}  // namespace payments_simulation
