// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/base/result.h"
#include "sluice/runtime/internal/scheduler.h"

namespace sluice::runtime {

struct PollRecord;

// The narrow interface behind which another backend (io_uring) could stand.
// Thread-safety: any thread; one blocks in netpoll_block at a time (Scheduler::poller).

Result<void> netpoll_init();
Result<void> netpoll_add(int fd, PollRecord* record);
void netpoll_remove(int fd);

// Appends the goroutines whose descriptors have become ready; does not wait.
void netpoll(GList& list);
// The same, but waits until there are some, `until` (ns) has come or netpoll_break() was called.
void netpoll_block(uint64_t until, GList& list);
void netpoll_break();
// Descriptors registered.
uint32_t netpoll_count();

// Since netpoll_init(), which every Runtime calls.
struct NetpollCounts {
  uint64_t wakeups;  // ends of netpoll_block
  uint64_t readied;  // goroutines whose descriptors became ready
};
NetpollCounts netpoll_counts();

// Who knows the descriptors from first_simulated_fd up (simulation.h), or null.
class DescriptorSource;
DescriptorSource* descriptor_source();

// Turns what the kernel said of a record into goroutines to run.
// `hung_up`: the peer will send no more.
void poll_record_ready(uint64_t tag, bool read, bool write, bool hung_up, GList& list);
uint64_t poll_record_tag(PollRecord* record);

}  // namespace sluice::runtime
