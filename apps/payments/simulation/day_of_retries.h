// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace payments_simulation {

// Payments are made while the merchant's host listens nowhere, which it does 24 hours later: their
// webhooks arrive then, in order, within the ceiling of the backoff, and no earlier. To be run as
// the first goroutine of a simulation.
void run_day_of_retries();

}  // namespace payments_simulation
