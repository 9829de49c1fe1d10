// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/tally.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <string_view>

#include "sluice/base/assert.h"

namespace payments_simulation {
namespace {

constexpr std::array<std::string_view, 35> names{"payments",
                                                 "refunds",
                                                 "refusals",
                                                 "conflicts",
                                                 "replays",
                                                 "failed attempts",
                                                 "clients that gave up",
                                                 "webhooks",
                                                 "repeated webhooks",
                                                 "merchant refuses",
                                                 "merchant is late",
                                                 "merchant does not answer",
                                                 "merchant answers twice",
                                                 "merchant hangs up",
                                                 "risk fails",
                                                 "risk is late",
                                                 "restarts",
                                                 "kill -9",
                                                 "power cuts",
                                                 "read errors",
                                                 "write errors",
                                                 "disk full",
                                                 "sync errors",
                                                 "slow syncs",
                                                 "locked by others",
                                                 "sectors lost",
                                                 "latency spikes",
                                                 "segments lost",
                                                 "connections reset",
                                                 "partitions",
                                                 "connects failed",
                                                 "slow readers",
                                                 "accept shortages",
                                                 "short reads",
                                                 "short writes"};
constexpr size_t first_fault = static_cast<size_t>(Tallied::merchant_refused);

using Counters = std::array<std::atomic<uint64_t>, names.size()>;

// Made by the first who counts, in main(): children have it too.
Counters& counters() {
  static Counters* const made = [] {
    void* memory = ::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SLUICE_ASSERT(memory != MAP_FAILED, "no memory to count in");
    return static_cast<Counters*>(memory);
  }();
  return *made;
}
// Before any child exists.
[[maybe_unused]] const Counters& made_early = counters();

}  // namespace

void tally(Tallied what, uint64_t count) {
  // Relaxed: it only counts.
  counters()[static_cast<size_t>(what)].fetch_add(count, std::memory_order_relaxed);
}

uint64_t tallied(Tallied what) {
  return counters()[static_cast<size_t>(what)].load(std::memory_order_relaxed);
}

void tally(const sluice::sqlite::DiskCounts& counts) {
  tally(Tallied::disk_read_errors, counts.read_errors);
  tally(Tallied::disk_write_errors, counts.write_errors);
  tally(Tallied::disk_full, counts.full);
  tally(Tallied::disk_sync_errors, counts.sync_errors);
  tally(Tallied::disk_slow_syncs, counts.slow_syncs);
  tally(Tallied::disk_busy, counts.busy);
  tally(Tallied::disk_sectors_lost, counts.sectors_lost);
}

void tally(const sluice::net::NetworkCounts& counts) {
  tally(Tallied::net_latency_spikes, counts.latency_spikes);
  tally(Tallied::net_losses, counts.losses);
  tally(Tallied::net_resets, counts.resets);
  tally(Tallied::net_partitions, counts.partitions);
  tally(Tallied::net_connects_failed, counts.connects_refused + counts.connects_timed_out);
  tally(Tallied::net_slow_readers, counts.slow_readers);
  tally(Tallied::net_accept_shortages, counts.accept_shortages);
  tally(Tallied::net_short_reads, counts.short_reads);
  tally(Tallied::net_short_writes, counts.short_writes);
}

std::string tally_text() {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i == 0) text += "did: ";
    if (i == first_fault) text += "\nfaults: ";
    if (i != 0 && i != first_fault) text += ", ";
    text += std::to_string(counters()[i].load(std::memory_order_relaxed));
    text += ' ';
    text += names[i];
  }
  return text + '\n';
}

}  // namespace payments_simulation
