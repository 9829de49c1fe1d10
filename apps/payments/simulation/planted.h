// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "apps/payments/simulation/scenario.h"

namespace payments_simulation {

// Bugs that the simulation must find: payments services that are wrong in one place.

// Looks the key up, and executes and stores the answer in another transaction, without taking the
// key's turn.
sluice::Result<payment_core::Answer> execute_carelessly(payments_cmd::Platform& platform,
                                                        const sluice::Context& context,
                                                        const std::string& key,
                                                        const Command& command);

// Marks the event as delivered first, delivers it, and takes the mark back if that failed.
sluice::Result<void> mark_early(payments_cmd::Platform& platform, notify_sdk::Endpoint& endpoint,
                                const sluice::Context& context,
                                const notify_sdk::Delivery& delivery);

// Forgets the event once it has failed twice.
sluice::Result<void> forget_on_retry(payments_cmd::Platform& platform,
                                     notify_sdk::Endpoint& endpoint, const sluice::Context& context,
                                     const notify_sdk::Delivery& delivery);

}  // namespace payments_simulation
