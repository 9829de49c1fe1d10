// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/debug_settings.h"

#include <cstdlib>
#include <string>

#include "sluice/runtime/internal/environment.h"

namespace sluice::runtime {

namespace {

constexpr uint64_t schedtrace_ms_max = 86'400'000;  // a day

Error malformed(std::string_view item, std::string_view what) {
  return Error(Code::invalid_argument, "SLUICE_DEBUG: " + std::string(item) + ": " +
                                           std::string(what) +
                                           ": there are schedtrace=MILLISECONDS, scheddetail=1 "
                                           "and madvdontneed=0 or 1");
}

Result<void> apply(std::string_view item, DebugSettings& settings) {
  size_t equals = item.find('=');
  if (equals == item.npos) return malformed(item, "must be NAME=VALUE");
  std::string_view name = item.substr(0, equals);
  std::string_view value = item.substr(equals + 1);
  if (name == "schedtrace")
    settings.schedtrace_ms = static_cast<uint32_t>(
        SLUICE_TRY(parse_number("SLUICE_DEBUG: schedtrace", value, 0, schedtrace_ms_max)));
  else if (name == "scheddetail")
    settings.scheddetail = SLUICE_TRY(parse_number("SLUICE_DEBUG: scheddetail", value, 0, 1)) != 0;
  else if (name == "madvdontneed")
    settings.madvdontneed =
        SLUICE_TRY(parse_number("SLUICE_DEBUG: madvdontneed", value, 0, 1)) != 0;
  else
    return malformed(item, "no such setting");
  return {};
}

}  // namespace

Result<DebugSettings> parse_debug(std::string_view text) {
  DebugSettings settings;
  while (!text.empty()) {
    size_t comma = text.find(',');
    SLUICE_TRY(apply(text.substr(0, comma), settings));
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return malformed("", "must be NAME=VALUE");
  }
  return settings;
}

Result<DebugSettings> debug_settings() {
  const char* text = std::getenv("SLUICE_DEBUG");
  return parse_debug(text != nullptr ? text : "");
}

}  // namespace sluice::runtime
