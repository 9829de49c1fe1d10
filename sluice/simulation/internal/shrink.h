// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sluice/base/time.h"
#include "sluice/simulation/schedule.h"

namespace sluice::simulation::internal {

// A part of `failing` for which `fails` is true as it is for the whole, of which no single departure
// can be left out, unless `time` was over before (delta debugging: Zeller and Hildebrandt, 2002).
Schedule shrink(const Schedule& failing, const std::function<bool(const Schedule&)>& fails,
                Duration time);

// Whether two failures say the same but for numbers.
bool is_alike(std::string_view a, std::string_view b);

// As it was started.
std::string program_name();

}  // namespace sluice::simulation::internal
