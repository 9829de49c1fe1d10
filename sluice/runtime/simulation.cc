// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/simulation.h"

#include "sluice/base/assert.h"
#include "sluice/runtime/internal/netpoll.h"

namespace sluice::runtime {

namespace internal {
constinit std::atomic<Simulation*> current_simulation{nullptr};
}

namespace {
constinit std::atomic<DescriptorSource*> source{nullptr};
}

void set_descriptor_source(DescriptorSource* next) {
  SLUICE_ASSERT(next == nullptr || source.load() == nullptr,
                "there is a simulated network already");
  source.store(next, std::memory_order_release);
}

DescriptorSource* descriptor_source() { return source.load(std::memory_order_acquire); }

void report_ready(uint64_t tag, bool read, bool write, bool hung_up) {
  GList list;
  poll_record_ready(tag, read, write, hung_up, list);
  while (G* g = list.pop()) make_runnable(g);
}

}  // namespace sluice::runtime
