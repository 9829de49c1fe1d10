// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/stack_groups.h"

#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include "sluice/runtime/park.h"

namespace sluice::debug::internal {

std::string_view state_text(const runtime::Goroutine& goroutine) {
  switch (goroutine.state) {
    case runtime::GoroutineState::runnable:
      return "runnable";
    case runtime::GoroutineState::running:
      return "running";
    case runtime::GoroutineState::syscall:
      return "syscall";
    case runtime::GoroutineState::waiting:
      break;
  }
  std::string_view reason = runtime::name(goroutine.wait_reason);
  return reason.empty() ? "waiting" : reason;
}

std::span<const uintptr_t> stack_of(const runtime::GoroutineDump& dump,
                                    const runtime::Goroutine& goroutine) {
  if (goroutine.trace == runtime::StackTrace::not_begun && goroutine.created_by != 0)
    return {&goroutine.created_by, 1};
  return dump.frames(goroutine);
}

std::vector<StackGroup> group_stacks(const runtime::GoroutineDump& dump, bool by_state) {
  std::vector<StackGroup> groups;
  std::unordered_map<std::string, size_t> index;
  std::string key;
  for (const runtime::Goroutine& goroutine : dump.goroutines) {
    std::span<const uintptr_t> stack = stack_of(dump, goroutine);
    key.assign(reinterpret_cast<const char*>(stack.data()), stack.size_bytes());
    key += goroutine.label;
    if (by_state) (key += '\0') += state_text(goroutine);
    auto [at, fresh] = index.try_emplace(key, groups.size());
    if (fresh) groups.push_back({&goroutine, 0});
    ++groups[at->second].count;
  }
  std::sort(groups.begin(), groups.end(), [](const StackGroup& a, const StackGroup& b) {
    return a.count != b.count ? a.count > b.count : a.first->id < b.first->id;
  });
  return groups;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      out += escape;
    }
  }
  return out += '"';
}

}  // namespace sluice::debug::internal
