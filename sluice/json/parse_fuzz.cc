// SPDX-License-Identifier: Apache-2.0

// Any text: what parse() takes is what find_fault() finds nothing in (double keys aside), and what
// was taken reads back the same after it was written. The values are compared as text, which is
// exact: integers and shortest reals each have one.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/assert.h"
#include "sluice/json/internal/fault.h"
#include "sluice/json/value.h"
#include "sluice/json/writer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr json::ParseOptions options;
  const Result<json::Value> value = json::parse(text, options);
  const auto fault = json::internal::find_fault(text, options.depth_max);
  if (!value.has_value()) {
    const bool is_double_key = value.error().message().ends_with("the key is there twice");
    SLUICE_ASSERT(fault.has_value() != is_double_key, "refused, and nobody says where");
    return 0;
  }
  SLUICE_ASSERT(!fault.has_value(), "taken, though there is a fault");
  const std::string written = json::to_string(*value);
  const Result<json::Value> again = json::parse(written, options);
  SLUICE_ASSERT(again.has_value(), "what was written does not parse");
  SLUICE_ASSERT(json::to_string(*again) == written, "the round trip changed it");

  std::string quoted;
  json::Writer(quoted).value(text);  // any bytes make a valid string
  SLUICE_ASSERT(json::parse(quoted).has_value(), "a written string does not parse");
  return 0;
}
