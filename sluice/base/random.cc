// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/random.h"

#include <sys/random.h>

#include <atomic>
#include <cerrno>

#include "sluice/base/assert.h"

namespace sluice {

namespace {

constinit std::atomic<void (*)(std::span<std::byte>)> source{nullptr};

[[gnu::noinline]] ssize_t ask_system(std::span<std::byte> bytes) {
  ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  return got < 0 ? -errno : got;
}

}  // namespace

void fill_random(std::span<std::byte> bytes) {
  if (auto* fill = source.load(std::memory_order_relaxed); fill != nullptr) [[unlikely]]
    return fill(bytes);
  while (!bytes.empty()) {
    ssize_t got = ask_system(bytes);  // less than asked for: a signal came
    SLUICE_ASSERT(got > 0 || got == -EINTR, "getrandom fails");
    if (got > 0) bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

uint64_t random_bits() {
  uint64_t bits;
  fill_random(std::as_writable_bytes(std::span(&bits, 1)));
  return bits;
}

namespace internal {

void set_random_source(void (*fill)(std::span<std::byte>)) {
  source.store(fill, std::memory_order_relaxed);
}

}  // namespace internal
}  // namespace sluice
