// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice {

// The value that says nothing but "now": a Channel<Unit> carries events and takes no room for them.
struct Unit {
  friend constexpr bool operator==(Unit, Unit) = default;
};

}  // namespace sluice
