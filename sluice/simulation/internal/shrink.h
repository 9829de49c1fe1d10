// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/simulation/schedule.h"

namespace sluice::simulation::internal {

// Which of the candidates fails first, as the one to be shrunk does; their number if none does, or
// if it is later than `deadline` before one is found.
using FindFailing =
    std::function<size_t(const std::vector<Schedule>& candidates, Instant deadline)>;

// Looks for a schedule with few departures that fails as `failing` does. First leaves out what can
// be left out (delta debugging: Zeller and Hildebrandt, 2002), until no single departure can, then
// tries those with one or two departures alone, at any of the run's `decisions`. As good as was
// found when `time` is over.
Schedule shrink(const Schedule& failing, uint64_t decisions, const FindFailing& find,
                Duration time);

// The rest of it: by which two failures are compared.
std::string without_numbers(std::string_view text);

// As it was started.
std::string program_name();

}  // namespace sluice::simulation::internal
