// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sluice/base/time.h"
#include "sluice/simulation/schedule.h"

namespace sluice::simulation {

// What simulate() and explore() have in common.
struct Setup {
  // What goes behind the program's name in the command that runs a failure again.
  std::string arguments;
  // Goroutines in the middle of a section of the runtime at once.
  int processors = 4;
  // A run that reaches more points does not end.
  uint64_t steps_max = 1'000'000;
  // CPU time without a point after which a run hangs.
  Duration patience = std::chrono::seconds(20);
  // Asked after each run that ended well, on the thread that has run it, outside of the simulation:
  // what is wrong after all, or "".
  std::function<std::string()> verdict;
  // For finding a schedule of few departures that fails like the one that was found.
  Duration shrink_time = std::chrono::seconds(20);
};

struct SimulateOptions : Setup {
  uint64_t first_seed = 1;
  uint64_t seeds = 1000;
  // Whether what can fail by fault() and happens() does.
  bool faults = true;
  // So often in a million switches the machine is busy with others, for so long at most.
  uint32_t stalls_per_million = 500;
  Duration stall_max = std::chrono::milliseconds(10);
};

struct ExploreOptions : Setup {
  // Departures from the harmless schedule that a run may have: interruptions, and turns that go to
  // another one than the next. Every run with that many or fewer is tried, the few first.
  unsigned departures = 2;
  // Gives up after so many; the report says so.
  uint64_t schedules_max = 2'000'000;
};

struct Failure {
  uint64_t seed = 0;
  std::string what;             // one line or more
  uint64_t decisions = 0;       // that the run took which is described
  size_t departures_found = 0;  // of the run that failed first
  Schedule schedule;            // the shrunk one
  std::string timeline;         // what that run does, for people
  std::string output;           // what it wrote to standard output and error, its end
  std::string replay;           // a command
  std::string to_string() const;
};

struct Report {
  uint64_t runs = 0;
  uint64_t steps = 0;  // points at which others could have got in between
  uint64_t switches = 0;
  uint64_t goroutines = 0;
  uint64_t faults = 0;
  Duration simulated{};
  Duration took{};          // in real time, without shrinking
  uint64_t trace_hash = 0;  // of all runs' traces in order: equal where they were equal
  bool complete = false;    // all that was asked for was run
  std::optional<Failure> failure;

  bool passed() const { return complete && !failure; }
  // One line of figures, and the failure.
  std::string to_string() const;
};

// Runs `body` once for each seed, as the first goroutine of a simulated scheduler
// (runtime/simulated_scheduler.h): who goes on at each point, what the network does, what fails and
// when, all comes from the seed. Ends at the first run that fails: that does not end, leaves
// goroutines behind, crashes, throws, calls fail(), or of which `verdict` does not approve. That
// one is run again and again, with fewer and fewer departures from what is harmless, and told.
//
// `body` must make all that it works on anew, so that runs do not know of each other.
// Runs are made in a child process, so that crashes, too, have a number; call it while no other
// thread matters and no Runtime exists. With SLUICE_SIMULATION_SEED=N in the environment that seed
// alone is run, in this process, for a debugger to see; SLUICE_SIMULATION_SCHEDULE is of a
// failure's replay command; with either, SLUICE_SIMULATION_TRACE=FILE writes what Perfetto opens.
// SLUICE_SIMULATION_SEEDS=N runs so many, SLUICE_SIMULATION_FIRST=N begins there.
Report simulate(const SimulateOptions& options, const std::function<void()>& body);

// Runs `body` with every schedule of few departures (delay bounding: Emmi, Qadeer and Rakamaric,
// POPL 2011), for small programs. Nothing fails that the program does not break itself; random
// numbers and latencies are always the same. The rest as above; SLUICE_SIMULATION_SCHEDULE alone
// runs one of them.
Report explore(const ExploreOptions& options, const std::function<void()>& body);

// Everything that happens in one run, a line each: "nanoseconds goroutine what". The same on every
// machine and with every compiler, for the same seed and program.
std::string trace(uint64_t seed, const SimulateOptions& options, const std::function<void()>& body);

// To be called by what is simulated ----------------------------------------------

// Whether this is a simulation; all of the following does nothing otherwise.
bool is_simulated();
// Ends the run as failed, if it is one, else the process. "what: details": runs that fail with the
// same words up to the colon, numbers aside, count as one failure when it is shrunk.
[[noreturn]] void fail(const std::string& what);
// A line of the trace and the timeline.
void note(const std::string& what);
// True so many times in a million, where faults are on: for code that wants to be tested against
// what seldom happens. Always false outside of a simulation.
bool fault(uint32_t per_million);

}  // namespace sluice::simulation
