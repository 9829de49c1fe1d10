// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::json::internal {

// Where a text stops being JSON.
struct Fault {
  size_t offset;  // the first byte that cannot continue it; the text's size when it ends early
  std::string_view what;  // a literal: "expected a comma or ]"
};

// The first fault of a text by RFC 8259 and this package's limits; none when parse() takes it,
// double keys aside. simdjson says that a text is wrong, but not where; this runs only after it has
// said so, in linear time and without recursion.
std::optional<Fault> find_fault(std::string_view text, uint32_t depth_max);

}  // namespace sluice::json::internal
