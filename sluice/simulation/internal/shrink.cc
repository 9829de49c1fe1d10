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

// Leaves out pieces of `best`, smaller and smaller ones, until no single departure can be left out.
void leave_out(Schedule& best, const FindFailing& find, Instant deadline) {
  for (size_t piece = (best.size() + 1) / 2; piece > 0 && now() < deadline;) {
    // From the end: what is decided after the failure never matters.
    std::vector<Schedule> candidates;
    for (size_t end = best.size(); end > 0; end = end > piece ? end - piece : 0)
      candidates.push_back(without(best, end > piece ? end - piece : 0, end));
    size_t failing = find(candidates, deadline);
    if (failing != candidates.size())
      best = std::move(candidates[failing]);
    else if (piece == 1)
      return;
    else
      piece = (piece + 1) / 2;
    piece = std::min(piece, best.size());
  }
}

// One departure alone, or two, where `best` has more. Values beyond the second other one are seldom
// needed: it comes to whom to prefer.
void try_few(Schedule& best, uint64_t decisions, const FindFailing& find, Instant deadline) {
  constexpr uint32_t value_max = 3;
  constexpr size_t batch = 4096;
  std::vector<Schedule> candidates;
  auto found = [&] {
    size_t failing = find(candidates, deadline);
    if (failing == candidates.size()) {
      candidates.clear();
      return false;
    }
    best = std::move(candidates[failing]);
    return true;
  };
  auto each_departure = [&](uint64_t from, auto then) {
    for (uint64_t at = from; at <= decisions; ++at)
      for (uint32_t value = 1; value <= value_max; ++value)
        if (now() >= deadline || then(Departure{at, value})) return true;
    return false;
  };
  if (best.size() < 2) return;
  auto single = [&](Departure one) {
    candidates.push_back({one});
    return candidates.size() == batch && found();
  };
  if (each_departure(1, single) || found() || best.size() < 3) return;
  auto pair = [&](Departure one) {
    return each_departure(one.at + 1, [&](Departure other) {
      candidates.push_back({one, other});
      return candidates.size() == batch && found();
    });
  };
  if (!each_departure(1, pair)) found();
}

}  // namespace

Schedule shrink(const Schedule& failing, uint64_t decisions, const FindFailing& find,
                Duration time) {
  const Instant begin = now();
  Schedule best = failing;
  if (find({{}}, begin + time) == 0) return {};
  leave_out(best, find, begin + time);
  try_few(best, decisions, find, std::min(begin + time, now() + time / 4));
  return best;
}

std::string without_numbers(std::string_view text) {
  std::string kept;
  std::copy_if(text.begin(), text.end(), std::back_inserter(kept),
               [](unsigned char each) { return !std::isdigit(each); });
  return kept;
}

std::string program_name() {
  std::ifstream file("/proc/self/cmdline");
  std::string name;
  std::getline(file, name, '\0');
  return name.empty() ? "PROGRAM" : name;
}

}  // namespace sluice::simulation::internal
