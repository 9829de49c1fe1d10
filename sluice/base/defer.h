// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <utility>

namespace sluice {

// Runs a function at the end of its scope, on every way out.
//   Defer close_file{[&] { ::close(fd); }};
// Several run in reverse order, as destructors do. It belongs to one scope and one thread.
template <class F>
class [[nodiscard]] Defer {
 public:
  explicit Defer(F fn) : fn_(std::move(fn)) {}
  Defer(const Defer&) = delete;
  Defer& operator=(const Defer&) = delete;
  ~Defer() {
    if (armed_) fn_();
  }

  // The function will not run: what it would have undone is to stay.
  void cancel() { armed_ = false; }

 private:
  F fn_;
  bool armed_ = true;
};

}  // namespace sluice
