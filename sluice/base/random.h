// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

// Bytes that nobody can guess: getrandom(2). In a simulation they come from its seed, so whoever
// makes ids and tokens from these is simulated, too. Any thread.
void fill_random(std::span<std::byte> bytes);
uint64_t random_bits();

namespace internal {
// Where a simulation takes them from; null gives the system's back.
void set_random_source(void (*fill)(std::span<std::byte> bytes));
}  // namespace internal

}  // namespace sluice
