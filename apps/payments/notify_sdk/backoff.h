// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice/base/time.h"

namespace notify_sdk {

// Exponential backoff with jitter: the wait doubles with each attempt up to a ceiling, and the real
// wait is drawn from its upper half, so that a thousand failed deliveries do not return at once.
struct Backoff {
  sluice::Duration first = std::chrono::milliseconds{200};
  sluice::Duration ceiling = std::chrono::minutes{5};

  // The wait after the `attempt`-th failure (from 1); `random` is any uniformly drawn number.
  sluice::Duration after(int64_t attempt, uint64_t random) const {
    sluice::Duration wait = first;
    for (int64_t i = 1; i < attempt && wait < ceiling; ++i) wait *= 2;
    wait = std::min(wait, ceiling);
    const auto half = static_cast<uint64_t>(wait.count()) / 2;
    return wait / 2 + sluice::Duration{static_cast<int64_t>(random % (half + 1))};
  }
};

}  // namespace notify_sdk
