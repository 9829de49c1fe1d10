// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/simulate.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sluice/base/assert.h"
#include "sluice/runtime/simulation.h"
#include "sluice/simulation/internal/runner.h"
#include "sluice/simulation/internal/timeline.h"
#include "sluice/simulation/internal/trace_file.h"

namespace sluice::simulation {

using namespace internal;

namespace {

// The environment's number, or `otherwise`. What is none ends the process.
uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return otherwise;
  std::string_view value = text;
  uint64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    fatal(std::string(variable) + ": not a number: \"" + text + '"');
  return number;
}

std::optional<Schedule> schedule_from_environment() {
  const char* text = std::getenv("SLUICE_SIMULATION_SCHEDULE");
  if (text == nullptr) return std::nullopt;
  Result<Schedule> schedule = parse_schedule(text);
  if (!schedule) fatal("SLUICE_SIMULATION_SCHEDULE: " + schedule.error().to_string());
  return *schedule;
}

void take_figures(const SharedRun& run, Report& report) {
  report.runs = run.runs;
  report.steps = run.steps;
  report.switches = run.switches;
  report.goroutines = run.goroutines;
  report.faults = run.faults;
  report.simulated = Duration(run.simulated_ns);
  report.trace_hash = run.trace_hash;
}

// In a child, run after run by `work`, until one fails.
Report run_all(const Program& program, bool seeded, SharedMemory& run,
               const std::function<void()>& work) {
  Report report;
  Instant begin = now();
  WorkEnd end = work_in_child(*run, program.setup.patience, work);
  report.took = now() - begin;
  if (end.hung)
    run->failure = FailureKind::hung;
  else if (end.crashed)
    run->failure = FailureKind::crashed;
  take_figures(*run, report);
  report.complete = run->complete && run->failure == FailureKind::none;
  if (run->failure != FailureKind::none) report.failure = explain(program, *run, end, seeded);
  return report;
}

// One run here, where a debugger sees it.
Report run_here(const Program& program, uint64_t seed, NumberingDecider& decider,
                SharedMemory& run) {
  Report report;
  run->wants_events = true;
  Instant begin = now();
  run_once(program, seed, decider, *run);
  report.took = now() - begin;
  take_figures(*run, report);
  report.complete = run->failure == FailureKind::none;
  Failure shown;
  shown.seed = seed;
  shown.schedule = run->schedule();
  shown.departures_found = shown.schedule.size();
  shown.decisions = run->decisions;
  shown.timeline = timeline(*run);
  if (const char* path = std::getenv("SLUICE_SIMULATION_TRACE"))
    if (Result<void> written = write_trace_file(*run, path); !written)
      fatal("SLUICE_SIMULATION_TRACE: " + written.error().to_string());
  if (!report.complete) {
    shown.what = describe(*run, {});
    report.failure = shown;
  } else {
    std::fprintf(stderr, "seed %llu passes; timeline:\n%s", static_cast<unsigned long long>(seed),
                 shown.timeline.c_str());
  }
  return report;
}

// Every schedule that departs `more` times further than `schedule`, whose run is done with.
// False: one failed, or there were too many.
class Search {
 public:
  Search(const Program& program, uint64_t schedules_max, SharedRun& run)
      : program_(program), schedules_max_(schedules_max), run_(run) {}

  // All with exactly `departures`.
  bool run(unsigned departures) { return below({}, departures); }

 private:
  bool below(const Schedule& schedule, unsigned more) {
    std::vector<SearchDecider::Fork> forks;
    SearchDecider decider(run_, schedule, more == 0 ? nullptr : &forks);
    // Those with fewer are run again on the way to those with more, and counted once.
    if (more == 0 && run_.runs >= schedules_max_) return false;
    std::atomic<uint64_t>* figures[] = {&run_.runs, &run_.steps, &run_.switches, &run_.goroutines,
                                        &run_.simulated_ns};
    uint64_t before[std::size(figures)];
    for (size_t i = 0; i < std::size(figures); ++i) before[i] = *figures[i];
    run_once(program_, 1, decider, run_);
    if (run_.failure != FailureKind::none) return false;
    if (more != 0)
      for (size_t i = 0; i < std::size(figures); ++i) *figures[i] = before[i];
    if (more == 0) return true;
    Schedule longer = schedule;
    longer.emplace_back();
    for (const SearchDecider::Fork& fork : forks)
      for (uint32_t value = 1; value < fork.count; ++value) {
        longer.back() = {fork.at, value};
        if (!below(longer, more - 1)) return false;
      }
    return true;
  }

  const Program& program_;
  const uint64_t schedules_max_;
  SharedRun& run_;
};

}  // namespace

Report simulate(const SimulateOptions& options, const std::function<void()>& body) {
  Program program{options, options.stalls_per_million, body, options.faults, options.stall_max};
  SharedMemory run;
  std::optional<Schedule> schedule = schedule_from_environment();
  if (std::getenv("SLUICE_SIMULATION_SEED") != nullptr) {
    uint64_t seed = number_from("SLUICE_SIMULATION_SEED", 0);
    if (schedule) {
      ScriptedDecider decider(*run, seed, *schedule);
      return run_here(program, seed, decider, run);
    }
    RandomDecider decider(*run, seed, options.faults);
    return run_here(program, seed, decider, run);
  }
  uint64_t first = number_from("SLUICE_SIMULATION_FIRST", options.first_seed);
  uint64_t seeds = number_from("SLUICE_SIMULATION_SEEDS", options.seeds);
  return run_all(program, true, run, [&] {
    for (uint64_t i = 0; i < seeds; ++i) {
      RandomDecider decider(*run, first + i, options.faults);
      run_once(program, first + i, decider, *run);
      if (run->failure != FailureKind::none) return;
    }
    run->complete = true;
  });
}

Report explore(const ExploreOptions& options, const std::function<void()>& body) {
  Program program{options, 0, body};
  SharedMemory run;
  if (std::optional<Schedule> schedule = schedule_from_environment()) {
    ScriptedDecider decider(*run, 1, *schedule);
    return run_here(program, 1, decider, run);
  }
  return run_all(program, false, run, [&] {
    Search search(program, options.schedules_max, *run);
    for (unsigned departures = 0; departures <= options.departures; ++departures)
      if (!search.run(departures)) return;
    run->complete = true;
  });
}

std::string trace(uint64_t seed, const SimulateOptions& options,
                  const std::function<void()>& body) {
  SharedMemory run;
  RandomDecider decider(*run, seed, options.faults);
  std::string text;
  decider.write_trace_to(&text);
  run_once({options, options.stalls_per_million, body, options.faults, options.stall_max}, seed,
           decider, *run);
  return text;
}

std::string Failure::to_string() const {
  std::string text = "seed " + std::to_string(seed) + ": " + what;
  if (replay.empty() && timeline.empty()) return text;
  text += "departures from the harmless schedule: " + std::to_string(schedule.size()) +
          ", shrunk from " + std::to_string(departures_found) + ", of " +
          std::to_string(decisions) + " decisions: " + simulation::to_text(schedule) + '\n';
  text += "timeline ('>': a departure):\n" + timeline;
  if (!output.empty()) text += "its output ends:\n" + output + '\n';
  if (!replay.empty()) text += "replay:\n  " + replay + '\n';
  return text;
}

std::string Report::to_string() const {
  char line[300];
  std::snprintf(
      line, sizeof line,
      "%llu runs, %llu points, %llu switches, %llu goroutines, %llu faults; %.3f s "
      "simulated in %.3f s\n",
      static_cast<unsigned long long>(runs), static_cast<unsigned long long>(steps),
      static_cast<unsigned long long>(switches), static_cast<unsigned long long>(goroutines),
      static_cast<unsigned long long>(faults), std::chrono::duration<double>(simulated).count(),
      std::chrono::duration<double>(took).count());
  std::string text = line;
  if (failure)
    text += failure->to_string();
  else if (!complete)
    text += "not all was run\n";
  return text;
}

bool is_simulated() { return runtime::simulation() != nullptr; }

void fail(const std::string& what) {
  if (runtime::Simulation* current = runtime::simulation()) current->fail(what);
  fatal(what);
}

void note(const std::string& what) {
  if (runtime::Simulation* current = runtime::simulation()) current->note(what);
}

bool fault(uint32_t per_million) {
  runtime::Simulation* current = runtime::simulation();
  return current != nullptr && current->happens(runtime::Decision::fault, per_million);
}

}  // namespace sluice::simulation
