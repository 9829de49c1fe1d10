// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/allocation_report.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string_view>
#include <vector>

#include "sluice/debug/internal/stack_lines.h"

namespace sluice::debug {

using heap::HeapProfile;
using heap::StackAllocations;

namespace {

struct Site {
  int64_t objects = 0;
  int64_t bytes = 0;
  int64_t most = 0;   // objects of one stack
  std::string stack;  // that one
};

constexpr size_t callers_shown = 4;
constexpr size_t sites_shown = 50;

std::string place(const internal::StackLine& line) {
  const SourceFrame& frame = *line.frame;
  return frame.function + ' ' + (frame.file.empty() ? std::string("?") : frame.file) + ':' +
         std::to_string(frame.line);
}

std::vector<Site> sites_of(const HeapProfile& profile) {
  std::map<std::string, Site> sites;
  for (const StackAllocations& stack : profile.stacks) {
    std::vector<internal::StackLine> lines =
        internal::lines_of(profile.frames(stack), internal::Frames::no_allocator);
    std::string first = lines.empty() ? "(others)" : place(lines.front());
    Site& site = sites[first];
    site.objects += stack.alloc_objects;
    site.bytes += stack.alloc_bytes;
    if (stack.alloc_objects < site.most) continue;
    site.most = stack.alloc_objects;
    site.stack = first;
    for (size_t i = 1; i < lines.size() && i <= callers_shown; ++i)
      site.stack += " < " + place(lines[i]);
  }
  std::vector<Site> sorted;
  for (auto& [first, site] : sites) sorted.push_back(std::move(site));
  std::ranges::sort(sorted, [](const Site& a, const Site& b) {
    return a.objects != b.objects ? a.objects > b.objects : a.stack < b.stack;
  });
  return sorted;
}

// "3 allocations, 112 bytes" or "1.50 allocs/op, 56.0 B/op".
std::string total(int64_t objects, int64_t bytes, uint64_t operations) {
  if (operations == 0)
    return std::to_string(objects) + " allocations, " + std::to_string(bytes) + " bytes";
  char text[96];
  double count = static_cast<double>(operations);
  std::snprintf(text, sizeof text, "%.2f allocs/op, %.1f B/op",
                static_cast<double>(objects) / count, static_cast<double>(bytes) / count);
  return text;
}

std::string columns(const Site& site, uint64_t operations) {
  char text[96];
  double count = static_cast<double>(operations);
  if (operations == 0)
    std::snprintf(text, sizeof text, "%10lld  %10lld B  ", static_cast<long long>(site.objects),
                  static_cast<long long>(site.bytes));
  else
    std::snprintf(text, sizeof text, "%10.2f  %10.1f B  ",
                  static_cast<double>(site.objects) / count,
                  static_cast<double>(site.bytes) / count);
  return text;
}

}  // namespace

std::string allocation_report(const HeapProfile& profile, uint64_t operations) {
  std::vector<Site> sites = sites_of(profile);
  int64_t objects = 0, bytes = 0;
  for (const Site& site : sites) {
    objects += site.objects;
    bytes += site.bytes;
  }
  std::string out = total(objects, bytes, operations) + '\n';
  for (size_t i = 0; i < sites.size() && i < sites_shown; ++i)
    out += columns(sites[i], operations) + sites[i].stack + '\n';
  if (sites.size() > sites_shown)
    out += "  and " + std::to_string(sites.size() - sites_shown) + " places more\n";
  return out;
}

}  // namespace sluice::debug
