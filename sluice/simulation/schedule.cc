// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/schedule.h"

#include <charconv>

namespace sluice::simulation {

namespace {

// Takes a number off the front.
template <class Number>
bool take(std::string_view& text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}
bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_text(const Schedule& schedule) {
  if (schedule.empty()) return "-";
  std::string text;
  for (const Departure& departure : schedule) {
    if (!text.empty()) text += ',';
    text += std::to_string(departure.at) + ':' + std::to_string(departure.value);
  }
  return text;
}

Result<Schedule> parse_schedule(std::string_view text) {
  Schedule schedule;
  if (text == "-") return schedule;
  std::string_view rest = text;
  do {
    Departure departure;
    uint64_t last = schedule.empty() ? 0 : schedule.back().at;
    size_t where = text.size() - rest.size();
    if (!take(rest, departure.at) || !take(rest, ':') || !take(rest, departure.value) ||
        departure.at <= last || departure.value == 0)
      return Error(Code::invalid_argument,
                   "a schedule is ascending pairs as \"17:1,340:2\", or \"-\"; this one is not at "
                   "character " +
                       std::to_string(where + 1) + ": \"" + std::string(text) + "\"");
    schedule.push_back(departure);
    if (rest.empty()) return schedule;
  } while (take(rest, ','));
  return Error(Code::invalid_argument, "a schedule has pairs between commas; this one ends in \"" +
                                           std::string(rest) + "\"");
}

}  // namespace sluice::simulation
