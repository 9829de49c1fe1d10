// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "sluice/simulation/simulate.h"

namespace sluice::simulation::internal {

// Says so when it is used after its end. Memory that was freed mostly keeps what was in it.
class Watched {
 public:
  explicit Watched(int value) : value_(value) {}
  Watched(const Watched& other) : value_(other.value()) {}
  Watched& operator=(const Watched&) = delete;
  ~Watched() {
    if (mark_ != alive) fail("destroyed twice");
    mark_ = ended;
  }
  int value() const {
    if (mark_ != alive) fail("used after its end");
    return value_;
  }
  friend bool operator==(const Watched& a, const Watched& b) { return a.value() == b.value(); }

 private:
  static constexpr uint32_t alive = 0x600D600D, ended = 0xDEADDEAD;
  volatile uint32_t mark_ = alive;
  const int value_;
};

// Memory for a T that is left as it is after its end, so that who writes to it then is noticed.
template <class T>
class Grave {
 public:
  template <class... Args>
  T& make(Args&&... args) {
    return *new (room_) T(std::forward<Args>(args)...);
  }
  void bury() {
    std::launder(reinterpret_cast<T*>(room_))->~T();
    std::memset(room_, 0x5A, sizeof room_);
  }
  ~Grave() {
    for (unsigned char each : room_)
      if (each != 0x5A) fail("written to after its end");
  }

 private:
  alignas(T) unsigned char room_[sizeof(T)];
};

}  // namespace sluice::simulation::internal
