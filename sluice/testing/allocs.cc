// SPDX-License-Identifier: Apache-2.0

#include "sluice/testing/allocs.h"

#include <ostream>

#include "sluice/debug/allocation_report.h"

namespace sluice::testing {

std::string Allocs::report(uint64_t operations) const {
  return debug::allocation_report(stacks_, operations);
}

std::ostream& operator<<(std::ostream& out, const Allocs& allocs) { return out << allocs.report(); }

}  // namespace sluice::testing
