// SPDX-License-Identifier: Apache-2.0

// Bugs of well-known Go programs, and whether leak checks find them: goker/program.h. Prints the
// table of docs/leaks.md.

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/leaks.h"
#include "sluice/runtime/runtime.h"
#include "sluice/testing/goker/program.h"
#include "sluice/testing/goroutine_leaks.h"

namespace sluice::testing::goker {

namespace {

using runtime::Goroutine;
using runtime::GoroutineState;
using Ids = std::set<uint64_t>;

// Goroutines that wait for the others by yielding: those in settle(), and the test's own.
std::mutex settling_mutex;
Ids settling;

bool is_settling(uint64_t id) {
  std::lock_guard lock(settling_mutex);
  return settling.contains(id);
}

// Who is there once all wait but the caller and who `is_left_out`. A dump is not of one moment (a
// goroutine may begin behind the look, and its maker end before it), so two must agree.
template <class LeftOut>
Ids wait_until_quiet(LeftOut is_left_out) {
  Ids before;
  for (bool quiet_before = false;;) {
    yield();
    bool quiet = true;
    Ids ids;
    runtime::GoroutineDump dump = runtime::capture_goroutines();
    for (const Goroutine& goroutine : dump.goroutines) {
      if (goroutine.id == dump.self || is_left_out(goroutine.id)) continue;
      quiet = quiet && goroutine.state == GoroutineState::waiting;
      ids.insert(goroutine.id);
    }
    if (quiet && quiet_before && ids == before) return ids;
    quiet_before = quiet;
    before = std::move(ids);
  }
}

}  // namespace

void settle() {
  uint64_t self = goroutine_id();
  {
    std::lock_guard lock(settling_mutex);
    settling.insert(self);
  }
  wait_until_quiet(is_settling);
  std::lock_guard lock(settling_mutex);
  settling.erase(self);
}

namespace {

// Not in a sanitizer's memory: there only goroutines that wait for nothing are proved.
bool searches() {
  static const bool does = runtime::prove_leaks().incomplete != "not under a sanitizer";
  return does;
}

Ids alive() {
  Ids ids;
  runtime::GoroutineDump dump = runtime::capture_goroutines();
  for (const Goroutine& goroutine : dump.goroutines)
    if (goroutine.id != dump.self) ids.insert(goroutine.id);
  return ids;
}

Ids without(Ids ids, const Ids& others) {
  std::erase_if(ids, [&](uint64_t id) { return others.contains(id); });
  return ids;
}

// From another goroutine than the test's, so that nothing of the program is on the test's stack.
[[gnu::noinline]] void start(const Program& program, bool fixed) {
  go([&program, fixed] { program.run(fixed); });
}

// What the stacks of calls left below is no more.
[[gnu::noinline]] void overwrite_dead_stack() {
  volatile char junk[16384];
  for (volatile char& each : junk) each = 0;
}

size_t count_proved(const Ids& ids) {
  overwrite_dead_stack();
  std::vector<uint64_t> proved = runtime::prove_leaks().goroutines;
  return static_cast<size_t>(
      std::count_if(proved.begin(), proved.end(), [&](uint64_t id) { return ids.contains(id); }));
}

struct Row {
  size_t stuck = 0;         // goroutines that stayed
  size_t proved = 0;        // of those
  int runs = 0;             // until all were
  bool verified = false;    // a leak check of the whole failed, and named all
  size_t false_proofs = 0;  // of the fixed program's, which all ended
  bool fixed_verified = false;
};

size_t count_stacks(const std::string& text) {
  size_t count = 0;
  for (size_t at = text.find("\ngoroutine "); at != std::string::npos;
       at = text.find("\ngoroutine ", at + 1))
    ++count;
  return count;
}

// A stale word may hide one; in a process that goes on it would be found by and by. So here: the
// program is run again if not all were proved.
void run_bug(const Program& program, Row* row) {
  constexpr int runs_max = 20;
  for (int i = 0; i < (searches() ? runs_max : 1); ++i) {
    Ids before = alive();
    LeakBaseline baseline = LeakBaseline::take();
    start(program, false);
    Ids ids = wait_until_quiet([&](uint64_t id) { return before.contains(id); });
    row->stuck = ids.size();
    row->proved = std::max(row->proved, count_proved(ids));
    std::string text = describe_leaks(baseline, LeakOptions().grace(Duration::zero()));
    row->verified = count_stacks(text) == ids.size();
    ++row->runs;
    if (row->proved == ids.size()) return;
  }
}

// Looks as long as the program runs: what is proved then and ends all the same is a false alarm.
void run_fixed(const Program& program, Row* row) {
  Ids before = alive();
  LeakBaseline baseline = LeakBaseline::take();
  Ids proved;
  start(program, true);
  for (Ids ids = without(alive(), before); !ids.empty(); ids = without(alive(), before)) {
    for (uint64_t id : runtime::prove_leaks().goroutines)
      if (!before.contains(id)) proved.insert(id);
    yield();
    if (!proved.empty() && without(alive(), before) == proved) break;  // they really stay
  }
  row->false_proofs = proved.size();
  row->fixed_verified = describe_leaks(baseline).empty();
}

TEST(Goker, EveryBugIsCaughtAndNoFixIsBlamed) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    settling.insert(goroutine_id());
    size_t programs = 0, stuck = 0, proved = 0, at_once = 0;
    std::printf("%-18s %-58s %5s %6s %6s\n", "program", "bug", "leaks", "proved", "check");
    for (std::span<const Program> group :
         {lock_programs(), channel_programs(), mixed_server_programs(), mixed_cluster_programs()})
      for (const Program& program : group) {
        Row row;
        run_bug(program, &row);
        run_fixed(program, &row);
        std::printf("%-18s %-58s %5zu %6zu %6s\n", program.name, program.bug, row.stuck, row.proved,
                    row.verified ? "fails" : "MISSED");
        EXPECT_EQ(row.stuck, static_cast<size_t>(program.leaks)) << program.name;
        EXPECT_EQ(row.proved, searches() ? row.stuck : 0) << program.name;
        EXPECT_TRUE(row.verified) << program.name;
        EXPECT_EQ(row.false_proofs, 0u) << program.name << ", fixed";
        EXPECT_TRUE(row.fixed_verified) << program.name << ", fixed";
        ++programs;
        stuck += row.stuck;
        proved += row.proved;
        at_once += row.runs == 1;
      }
    std::printf("%zu programs, %zu goroutines, %zu proved; of %zu programs all in the first run\n",
                programs, stuck, proved, at_once);
  });
}

}  // namespace
}  // namespace sluice::testing::goker
