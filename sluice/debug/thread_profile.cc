// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/thread_profile.h"

#include <cstdint>
#include <map>
#include <vector>

#include "sluice/debug/internal/profile_builder.h"
#include "sluice/debug/internal/stack_lines.h"
#include "sluice/runtime/thread_creations.h"

namespace sluice::debug {

namespace {

std::map<std::vector<uintptr_t>, int64_t> count_stacks() {
  std::map<std::vector<uintptr_t>, int64_t> counts;
  for (std::vector<uintptr_t>& stack : runtime::thread_creations()) ++counts[std::move(stack)];
  return counts;
}

}  // namespace

std::string thread_profile() {
  constexpr internal::ProfileBuilder::ValueType threads = {"threadcreate", "count"};
  internal::ProfileBuilder builder({&threads, 1}, internal::Frames::all);
  builder.set_period(threads, 1);
  for (const auto& [stack, count] : count_stacks()) builder.add(stack, {&count, 1}, {});
  return builder.finish();
}

std::string thread_profile_text() {
  int64_t total = 0;
  std::string stacks;
  for (const auto& [stack, count] : count_stacks()) {
    total += count;
    internal::append_counted(stacks, std::to_string(count), stack, "", internal::Frames::all);
  }
  return "threadcreate profile: total " + std::to_string(total) + '\n' + stacks;
}

}  // namespace sluice::debug
