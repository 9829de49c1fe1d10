// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/waiting_funcs.h"

#include <algorithm>

#include "sluice/context/internal/after_func.h"

namespace sluice {

// Counted first, because nothing may be allocated under the lists' locks.
std::vector<WaitingFunc> waiting_funcs() {
  size_t count = 0;
  internal::WaitingFuncs::visit(
      [](const internal::AfterFunc&, void* counter) { ++*static_cast<size_t*>(counter); }, &count);
  std::vector<WaitingFunc> funcs;
  funcs.reserve(count + 64);
  internal::WaitingFuncs::visit(
      [](const internal::AfterFunc& after, void* context) {
        auto& into = *static_cast<std::vector<WaitingFunc>*>(context);
        if (into.size() < into.capacity())
          into.push_back({after.waiting_id, reinterpret_cast<uintptr_t>(after.created_by)});
      },
      &funcs);
  std::sort(funcs.begin(), funcs.end(),
            [](const WaitingFunc& a, const WaitingFunc& b) { return a.id < b.id; });
  return funcs;
}

}  // namespace sluice
