// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace payment_core {

// A new identifier: `prefix` and a ULID, 48 bits of milliseconds and 80 random bits in Crockford's
// base 32. Sorts by time, so that inserts go to the end of the index; cannot be guessed.
std::string make_id(std::string_view prefix);

// The calendar's time in Unix milliseconds, and as RFC 3339 text in UTC: 2026-01-31T23:59:59.007Z.
int64_t unix_milliseconds();
std::string to_rfc3339(int64_t milliseconds);

}  // namespace payment_core
