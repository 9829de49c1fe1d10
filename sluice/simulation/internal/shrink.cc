// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/shrink.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace sluice::simulation::internal {

namespace {

Schedule without(const Schedule& whole, size_t begin, size_t end) {
  Schedule rest(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(begin));
  rest.insert(rest.end(), whole.begin() + static_cast<ptrdiff_t>(end), whole.end());
  return rest;
}

}  // namespace

Schedule shrink(const Schedule& failing, const std::function<bool(const Schedule&)>& fails,
                Duration time) {
  const Instant deadline = now() + time;
  Schedule best = failing;
  if (fails({})) return {};
  for (size_t piece = (best.size() + 1) / 2; piece > 0;) {
    bool smaller = false;
    // From the end: what comes after a failure is decided never matters.
    for (size_t end = best.size(); end > 0 && now() < deadline;) {
      size_t begin = end > piece ? end - piece : 0;
      Schedule rest = without(best, begin, end);
      if (!rest.empty() && fails(rest)) {
        best = std::move(rest);
        smaller = true;
      }
      end = begin;
    }
    if (now() >= deadline) break;
    if (piece == 1 && !smaller) break;
    if (piece > 1) piece = (piece + 1) / 2;
  }
  return best;
}

bool is_alike(std::string_view a, std::string_view b) {
  auto words = [](std::string_view text) {
    std::string kept;
    std::copy_if(text.begin(), text.end(), std::back_inserter(kept),
                 [](unsigned char each) { return !std::isdigit(each); });
    return kept;
  };
  return words(a) == words(b);
}

std::string program_name() {
  std::ifstream file("/proc/self/cmdline");
  std::string name;
  std::getline(file, name, '\0');
  return name.empty() ? "PROGRAM" : name;
}

}  // namespace sluice::simulation::internal
