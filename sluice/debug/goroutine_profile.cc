// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_profile.h"

#include "sluice/debug/internal/profile_builder.h"
#include "sluice/debug/internal/stack_groups.h"

namespace sluice::debug {

std::string goroutine_profile(const runtime::GoroutineDump& dump, std::string_view what) {
  using Builder = internal::ProfileBuilder;
  const Builder::ValueType goroutines = {what, "count"};
  Builder builder({&goroutines, 1});
  builder.set_period(goroutines, 1);
  for (const internal::StackGroup& group : internal::group_stacks(dump, true)) {
    const int64_t count = static_cast<int64_t>(group.count);
    const Builder::Label labels[] = {{.key = "name", .text = group.first->label},
                                     {.key = "state", .text = internal::state_text(*group.first)}};
    builder.add(internal::stack_of(dump, *group.first), {&count, 1}, labels);
  }
  return builder.finish();
}

}  // namespace sluice::debug
