// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <atomic>
#include <memory>

#include "bench/micro/harness.h"
#include "sluice/sync/pool.h"

namespace bench {
namespace {

using Buffer = std::array<unsigned char, 1024>;

sluice::sync::Pool<Buffer>& buffer_pool() {
  static auto* pool = new sluice::sync::Pool<Buffer>;
  return *pool;
}

// Each loop fills in one byte of a 1 KiB buffer and reads it back. The buffer escapes, as one that
// is handed to a writer would.
int64_t use(Buffer& buffer, int64_t i) {
  buffer[i & 1023] = static_cast<unsigned char>(i);
  escape(&buffer);
  return buffer[i & 1023];
}

int64_t fresh(int64_t n) {
  int64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += use(*std::make_unique<Buffer>(), i);
  return sum;
}

int64_t pooled(int64_t n) {
  sluice::sync::Pool<Buffer>& pool = buffer_pool();
  int64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += use(*pool.get(), i);
  return sum;
}

int64_t preallocated(int64_t n) {
  auto buffer = std::make_unique<Buffer>();
  int64_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += use(*buffer, i);
  return sum;
}

// Runs the loop on P goroutines; op = one buffer used, over all of them.
Samples measure(std::string_view name, int64_t count, int64_t (*loop)(int64_t n)) {
  int64_t n = scaled(count);
  std::atomic<int64_t> total{0};
  Samples samples = parallel(name, procs(), n * procs(), [&](int) { total += loop(n); });
  int64_t want = 0;
  for (int64_t i = 0; i < n; ++i) want += i & 255;
  SLUICE_ASSERT(total == want * procs());
  return samples;
}

}  // namespace

void register_pools(Workloads& all) {
  all.push_back({"pool", [] { return measure("pool", 4'000'000, pooled); }});
  all.push_back({"s8_new", [] { return measure("s8_new", 1'000'000, fresh); }});
  all.push_back({"s8_pool", [] { return measure("s8_pool", 1'000'000, pooled); }});
  all.push_back({"s8_prealloc", [] { return measure("s8_prealloc", 1'000'000, preallocated); }});
}

}  // namespace bench
