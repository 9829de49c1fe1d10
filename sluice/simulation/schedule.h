// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"

namespace sluice::simulation {

// One decision of a run that was not the harmless one: of all the run's decisions the `at`-th, from
// 1 up. For "who goes on" the harmless one is whoever runs, else the next by number; `value` counts
// from there. For a choice it is what was chosen, for a fault 1.
struct Departure {
  uint64_t at = 0;
  uint32_t value = 0;

  friend bool operator==(const Departure&, const Departure&) = default;
};

// A run, as what departs from the harmless one; in ascending order. With the seed, which random
// numbers come from, it says all about the run.
using Schedule = std::vector<Departure>;

// "17:1,340:2"; "-" when there is none.
std::string to_text(const Schedule& schedule);
// Errors: invalid_argument, with what and where.
Result<Schedule> parse_schedule(std::string_view text);

}  // namespace sluice::simulation
