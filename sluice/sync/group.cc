// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/group.h"

#include <mutex>

namespace sluice::sync {

Result<void> Group::wait() {
  active_.wait();
  cancel_();
  std::lock_guard lock(lock_);
  if (first_error_) return *first_error_;
  return {};
}

void Group::finish(const Result<void>& result) {
  if (!result) {
    bool first;
    {
      std::lock_guard lock(lock_);
      first = !first_error_;
      if (first) first_error_ = result.error();
    }
    if (first) cancel_(result.error());
  }
  leave();
}

void Group::leave() {
  if (slots_) slots_->release();
  active_.done();
}

}  // namespace sluice::sync
