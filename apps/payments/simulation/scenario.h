// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "apps/payments/simulation/api.h"
#include "apps/payments/simulation/merchant.h"
#include "apps/payments/simulation/process.h"
#include "sluice/net/simulated_network.h"
#include "sluice/sqlite/simulated_disk.h"

namespace payments_simulation {

// A few clients, the service, a merchant; and what goes wrong meanwhile.
struct Scenario {
  // Through HTTP and the simulated network; else the C++ interfaces.
  bool over_http = false;
  int clients_max = 5;
  int operations_max = 10;  // of each
  int crashes_max = 3;      // restarts, kill -9 and power cuts
  sluice::sqlite::DiskFaults disk;
  sluice::net::NetworkFaults network;
  MerchantFaults merchant;
  uint32_t risk_faults = 0;
  // Bugs to be found, without HTTP.
  DirectApi::Execute execute;
  decltype(Site::deliver) deliver;

  // Everything fails.
  static Scenario rough(bool over_http);
  // This one in one run's weather: of each kind of fault none, some, or many, as the seed says.
  // What hides behind one kind is found where that is absent.
  // Source: swarm testing (Groce and others, ISSTA 2012).
  Scenario in_weather() const;
};

// Runs it, as the first goroutine of a simulation; then lets nothing fail any more, asks again for
// every key, waits until the outbox has drained, stops the service, and checks that
//  - the ledger passes the service's own audit;
//  - it has exactly what was acknowledged: each key executed once, each answer the same bytes at
//    every repetition, the same key with another request refused; refunds within the amount;
//  - every event was delivered, with a right signature, its own body, and in its payment's order.
// Anything else is simulation::fail().
void run(const Scenario& scenario);

}  // namespace payments_simulation
