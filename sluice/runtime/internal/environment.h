// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {

// Fills what `options` leaves open from the environment (SLUICE_MAXPROCS, SLUICE_MEMLIMIT,
// SLUICE_POOLGC), else by defaults, and checks all of it. A memory limit of 0 is left: it is the
// cgroup's, which may change. Errors: invalid_argument, naming the variable or field and its value;
// failed_precondition when the kernel lacks what was demanded.
Result<RuntimeOptions> complete_options(RuntimeOptions options);

// A whole number in [min, max]. Errors: invalid_argument: "NAME=text: ...".
Result<uint64_t> parse_number(std::string_view name, std::string_view text, uint64_t min,
                              uint64_t max);

}  // namespace sluice::runtime
