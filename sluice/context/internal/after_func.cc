// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: sluice/context/waiting_funcs_test.cc

#include "sluice/context/internal/after_func.h"

#include <mutex>

namespace sluice::internal {

constinit WaitingFuncs WaitingFuncs::lists_[lists_max];

// Objects of this size lie some 128 bytes apart.
WaitingFuncs& WaitingFuncs::of(const AfterFunc* after) {
  return lists_[reinterpret_cast<uintptr_t>(after) / 128 % lists_max];
}

void WaitingFuncs::add(AfterFunc* after) {
  std::lock_guard lock(lock_);
  after->waiting_id = next_id_++ * lists_max + static_cast<size_t>(this - lists_);
  after->next_waiting_ = first_;
  if (first_ != nullptr) first_->previous_waiting_ = after;
  first_ = after;
}

void WaitingFuncs::remove(AfterFunc* after) {
  std::lock_guard lock(lock_);
  if (after->next_waiting_ != nullptr)
    after->next_waiting_->previous_waiting_ = after->previous_waiting_;
  AfterFunc* previous = after->previous_waiting_;
  (previous == nullptr ? first_ : previous->next_waiting_) = after->next_waiting_;
}

void WaitingFuncs::visit(void (*visit)(const AfterFunc& after, void* context), void* context) {
  for (WaitingFuncs& list : lists_) {
    std::lock_guard lock(list.lock_);
    for (const AfterFunc* after = list.first_; after != nullptr; after = after->next_waiting_)
      visit(*after, context);
  }
}

}  // namespace sluice::internal
