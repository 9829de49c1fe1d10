// SPDX-License-Identifier: Apache-2.0

#include "bench/micro/harness.h"

namespace bench {
void register_maps(Workloads&) {}
}  // namespace bench
