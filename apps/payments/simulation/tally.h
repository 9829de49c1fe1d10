// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/net/simulated_network.h"
#include "sluice/sqlite/simulated_disk.h"

namespace payments_simulation {

// What happened in all runs together.
enum class Tallied : uint8_t {
  payments,
  refunds,
  refusals,
  conflicts,
  replays,
  attempts_failed,
  clients_gave_up,
  webhooks,
  webhooks_repeated,
  // Faults from here on.
  merchant_refused,
  merchant_late,
  merchant_silent,
  merchant_twice,
  merchant_torn,
  risk_failed,
  risk_late,
  restarts,
  kills,
  power_cuts,
  disk_read_errors,
  disk_write_errors,
  disk_full,
  disk_sync_errors,
  disk_slow_syncs,
  disk_busy,
  disk_sectors_lost,
  net_latency_spikes,
  net_losses,
  net_resets,
  net_partitions,
  net_connects_failed,
  net_slow_readers,
  net_accept_shortages,
  net_short_reads,
  net_short_writes,
};

// Counted in memory that child processes share: simulate() runs in one.
void tally(Tallied what, uint64_t count = 1);
void tally(const sluice::sqlite::DiskCounts& counts);
void tally(const sluice::net::NetworkCounts& counts);

uint64_t tallied(Tallied what);

// Two lines: what was done, and the faults.
std::string tally_text();

}  // namespace payments_simulation
