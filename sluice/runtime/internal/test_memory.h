// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/mman.h>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/memory.h"

namespace sluice::runtime {

// Resident memory of the test's own, outside of any allocator: exact under the sanitizers too.
class Ballast {
 public:
  explicit Ballast(size_t bytes) : bytes_(bytes) {
    memory_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    EXPECT_NE(memory_, MAP_FAILED);
  }
  ~Ballast() { ::munmap(memory_, bytes_); }
  Ballast(const Ballast&) = delete;

 private:
  size_t bytes_;
  void* memory_;
};

// Hears what the governor tells, and can wait for it.
class Notices {
 public:
  // All so far.
  std::vector<MemoryNotice> heard() {
    std::lock_guard lock(mutex_);
    return heard_;
  }
  // Until `count` more were heard than now.
  void wait_for_more(size_t count) {
    std::unique_lock lock(mutex_);
    size_t wanted = heard_.size() + count;
    changed_.wait(lock, [&] { return heard_.size() >= wanted; });
  }
  // Until one of this level is or was heard, the first `from` left aside.
  void wait_for(MemoryPressure pressure, size_t from = 0) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      for (; from < heard_.size(); ++from)
        if (heard_[from].pressure == pressure) return true;
      return false;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<MemoryNotice> heard_;
  MemoryListener listener_{[this](MemoryNotice notice) {
    std::lock_guard lock(mutex_);
    heard_.push_back(notice);
    changed_.notify_all();
  }};
};

}  // namespace sluice::runtime
