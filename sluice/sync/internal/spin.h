// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::sync::internal {

// Whether waiting awake for somebody on another processor can pay: a few tries, and only where
// there is another processor. Source: Go's runtime_canSpin.
bool can_spin(int round);

// About 30 pause instructions.
void spin();

}  // namespace sluice::sync::internal
