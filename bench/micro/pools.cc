// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <atomic>
#include <memory>

#include "bench/micro/harness.h"
#if __has_include("sluice/sync/pool.h")
#include "sluice/sync/pool.h"
#endif

namespace bench {
namespace {
using Buffer = std::array<unsigned char, 1024>;
}  // namespace
void register_pools(Workloads&) {}
}  // namespace bench
