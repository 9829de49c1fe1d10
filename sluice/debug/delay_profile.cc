// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/delay_profile.h"

#include <algorithm>
#include <map>
#include <vector>

#include "sluice/debug/internal/profile_builder.h"
#include "sluice/debug/internal/stack_lines.h"

namespace sluice::debug {

using runtime::DelayProfile;
using runtime::StackDelay;

namespace {

// All of it, the longest delay first, the others as one without frames.
std::vector<StackDelay> in_order(const DelayProfile& profile) {
  std::vector<StackDelay> stacks = profile.stacks;
  if (profile.others != 0) stacks.push_back({{}, profile.others, profile.others_delay});
  std::ranges::sort(stacks, [](const StackDelay& a, const StackDelay& b) {
    return a.delay != b.delay ? a.delay > b.delay : a.frames < b.frames;
  });
  return stacks;
}

}  // namespace

std::string delay_profile(const DelayProfile& profile) {
  using Builder = internal::ProfileBuilder;
  constexpr Builder::ValueType types[] = {{"contentions", "count"}, {"delay", "nanoseconds"}};
  Builder builder(types);
  builder.set_period(types[0], 1);
  for (const StackDelay& stack : in_order(profile)) {
    const int64_t values[] = {static_cast<int64_t>(stack.count), stack.delay.count()};
    builder.add(stack.frames, values, {});
  }
  return builder.finish();
}

std::string delay_text(std::string_view title, const DelayProfile& profile) {
  std::string out = "--- " + std::string(title) + ":\ncycles/second=1000000000\n";
  if (title == "mutex") out += "sampling period=1\n";
  for (const StackDelay& stack : in_order(profile)) {
    internal::append_counted(
        out, std::to_string(stack.delay.count()) + ' ' + std::to_string(stack.count), stack.frames,
        "");
  }
  return out;
}

DelayProfile difference(const DelayProfile& after, const DelayProfile& before) {
  std::map<std::vector<uintptr_t>, const StackDelay*> then;
  for (const StackDelay& stack : before.stacks) then.emplace(stack.frames, &stack);
  DelayProfile between{.stacks = {},
                       .others = after.others - before.others,
                       .others_delay = after.others_delay - before.others_delay};
  for (StackDelay stack : after.stacks) {
    if (auto at = then.find(stack.frames); at != then.end()) {
      stack.count -= at->second->count;
      stack.delay -= at->second->delay;
    }
    if (stack.count != 0) between.stacks.push_back(std::move(stack));
  }
  return between;
}

}  // namespace sluice::debug
