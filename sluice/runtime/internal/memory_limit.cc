// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/memory_limit.h"

#include <algorithm>
#include <charconv>

namespace sluice::runtime {

namespace {

constexpr uint64_t bytes_min = 1 << 20;
constexpr uint64_t soft_percent = 90;
// What v1 prints where no limit is set is near this, rounded to pages.
constexpr uint64_t no_limit_v1 = uint64_t{1} << 60;

// "max", an empty file and one that is not there: no limit.
uint64_t read_limit(const std::string& path) {
  std::string text = read_file(path);
  uint64_t value = memory_unlimited;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

uint64_t hard_limit(const CgroupFolder& folder) {
  if (folder.v2)
    return std::min(read_limit(folder.path + "/memory.max"),
                    read_limit(folder.path + "/memory.high"));
  uint64_t limit = read_limit(folder.path + "/memory.limit_in_bytes");
  return limit < no_limit_v1 ? limit : memory_unlimited;
}

Error malformed(std::string_view name, std::string_view text, std::string_view must) {
  return Error(Code::invalid_argument,
               std::string(name) + "=" + std::string(text) + ": must be " + std::string(must));
}

}  // namespace

Result<uint64_t> parse_memory_bytes(std::string_view name, std::string_view text) {
  constexpr std::string_view must =
      "a whole number of bytes, with B, KiB, MiB, GiB or TiB if you like, or off";
  if (text == "off") return memory_unlimited;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return malformed(name, text, must);
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  constexpr std::string_view units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  const std::string_view* found = unit.empty() ? units : std::ranges::find(units, unit);
  if (found == std::end(units)) return malformed(name, text, must);
  int shift = 10 * static_cast<int>(found - units);
  if (value > (memory_unlimited - 1) >> shift) return malformed(name, text, "less than 16 EiB");
  value <<= shift;
  if (value < bytes_min) return malformed(name, text, "1MiB or more, or off");
  return value;
}

std::vector<MemoryBound> memory_bounds(uint64_t wished, const std::vector<CgroupFolder>& folders) {
  std::vector<MemoryBound> bounds;
  if (wished == memory_unlimited) return bounds;
  if (wished != 0) bounds.push_back({wished, "", false});
  for (const CgroupFolder& folder : folders)
    if (uint64_t hard = hard_limit(folder); hard != memory_unlimited)
      bounds.push_back({hard / 100 * soft_percent, folder.path, folder.v2});
  return bounds;
}

}  // namespace sluice::runtime
