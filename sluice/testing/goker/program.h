// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>

#include "sluice/runtime/go.h"

namespace sluice::testing::goker {

// A bug that a well-known Go program had, told again with sluice's words: who waited for whom, and
// why nobody came. The bugs are those of GoBench (Yuan et al., CGO 2021, doi
// 10.1109/CGO51591.2021.9370317), whose "GoKer" programs Go's own leak detector is tested with; the
// programs here are our own. Each is made to take the bad turn: where the original needed luck,
// settle() lets the others go as far as they get.
struct Program {
  const char* name;  // project and issue
  const char* bug;
  int leaks;                // goroutines that stay for ever
  void (*run)(bool fixed);  // in a goroutine of its own, which may be one that stays
};

std::span<const Program> lock_programs();
std::span<const Program> channel_programs();
std::span<const Program> mixed_server_programs();
std::span<const Program> mixed_cluster_programs();

// Waits until all other goroutines of the program have parked or ended.
void settle();

}  // namespace sluice::testing::goker
