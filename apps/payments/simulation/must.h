// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "sluice/base/result.h"
#include "sluice/simulation/simulate.h"

namespace payments_simulation {

// What cannot fail, by the rules of what is tested: else the run fails.
template <class T>
T must(sluice::Result<T> result, const std::string& what) {
  if (!result) sluice::simulation::fail(what + ": " + result.error().to_string());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

inline void expect(bool holds, const std::string& what) {
  if (!holds) sluice::simulation::fail(what);
}

}  // namespace payments_simulation
