// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/runner.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "sluice/runtime/simulated_scheduler.h"
#include "sluice/simulation/internal/intercept.h"
#include "sluice/simulation/internal/shrink.h"
#include "sluice/simulation/internal/timeline.h"

namespace sluice::simulation::internal {

namespace {

FailureKind kind_of(runtime::RunEnd end) {
  switch (end) {
    case runtime::RunEnd::finished:
      return FailureKind::none;
    case runtime::RunEnd::left_over:
      return FailureKind::left_over;
    case runtime::RunEnd::deadlocked:
      return FailureKind::deadlock;
    case runtime::RunEnd::endless:
      return FailureKind::endless;
    case runtime::RunEnd::refused:
      return FailureKind::refused;
    case runtime::RunEnd::panicked:
      return FailureKind::panic;
    case runtime::RunEnd::failed:
      return FailureKind::failed;
  }
  __builtin_unreachable();
}

void keep(const runtime::Unfinished& from, SharedRun::Goroutine& to) {
  to.id = from.id;
  to.created_by_id = from.created_by_id;
  to.created_by = from.created_by;
  to.runs = from.runs;
  to.wait_reason = static_cast<uint8_t>(from.wait_reason);
  size_t length = std::min(from.label.size(), sizeof to.label - 1);
  std::memcpy(to.label, from.label.data(), length);
  to.label[length] = 0;
  size_t frames = std::min<size_t>(from.frames.size(), SharedRun::frames_max);
  std::copy_n(from.frames.begin(), frames, to.frames);
  to.frame_count = static_cast<uint8_t>(frames);
}

void add(std::atomic<uint64_t>& sum, uint64_t part) {
  sum.fetch_add(part, std::memory_order_relaxed);
}

// ": " and it, if there is one.
std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::string_view line = text.substr(text.rfind('\n') + 1);
  return line.empty() ? std::string() : ": " + std::string(line);
}

std::string replay_command(const Program& program, const Failure& failure, bool seeded) {
  // One word of the environment holds 128 KiB; the seed alone says as much about a run that was not
  // shrunk.
  constexpr size_t departures_max = 5000;
  std::string command;
  if (seeded) command += "SLUICE_SIMULATION_SEED=" + std::to_string(failure.seed) + ' ';
  bool is_whole = seeded && failure.schedule.size() == failure.departures_found;
  if (!is_whole || failure.schedule.size() <= departures_max)
    command += "SLUICE_SIMULATION_SCHEDULE=" + to_text(failure.schedule) + ' ';
  command += program_name();
  if (!program.setup.arguments.empty()) command += ' ' + program.setup.arguments;
  return command;
}

}  // namespace

void run_once(const Program& program, uint64_t seed, NumberingDecider& decider, SharedRun& run) {
  need_interception();
  forget_output();
  run.clear(seed);
  runtime::SimulatedRun settings;
  settings.processors = program.setup.processors;
  settings.steps_max = program.setup.steps_max;
  settings.stalls_per_million = program.stalls_per_million;
  settings.stall_max = program.stall_max;
  runtime::RunOutcome outcome = runtime::run_simulated(
      settings, decider, [](void* body) { (*static_cast<const std::function<void()>*>(body))(); },
      const_cast<void*>(static_cast<const void*>(&program.body)));
  add(run.runs, 1);
  add(run.steps, outcome.steps);
  add(run.switches, outcome.switches);
  add(run.goroutines, outcome.goroutines);
  add(run.simulated_ns, static_cast<uint64_t>(outcome.simulated.count()));
  add(run.beat, 1);
  run.trace_hash.store(run.trace_hash.load() * 31 + decider.trace_hash());
  run.decisions = decider.decisions();
  FailureKind kind = kind_of(outcome.end);
  run.failed_goroutine = outcome.goroutine;
  run.set_message(outcome.message);
  for (const runtime::Unfinished& each : outcome.unfinished)
    if (run.unfinished_count < SharedRun::unfinished_max)
      keep(each, run.unfinished[run.unfinished_count++]);
  if (kind == FailureKind::none && program.setup.verdict) {
    std::string verdict = program.setup.verdict();
    if (!verdict.empty()) kind = FailureKind::failed;
    run.set_message(verdict);
  }
  run.failure.store(kind, std::memory_order_relaxed);
}

std::string describe(const SharedRun& run, const WorkEnd& end) {
  std::string message(run.get_message());
  std::string who = run.failed_goroutine != 0
                        ? " in goroutine " + std::to_string(run.failed_goroutine)
                        : std::string();
  switch (run.failure.load()) {
    case FailureKind::none:
      return "nothing";
    case FailureKind::deadlock:
      return "deadlock: the first goroutine waits for what nobody can do any more\n" +
             unfinished(run);
    case FailureKind::left_over:
      return "goroutines are left behind, which nobody can wake any more\n" + unfinished(run);
    case FailureKind::endless:
      return "the run does not end: Setup::steps_max points were reached\n" + unfinished(run);
    case FailureKind::refused:
      return "not simulated: " + message + who + '\n';
    case FailureKind::panic:
      return "uncaught exception" + who + ": " + message + '\n';
    case FailureKind::failed:
      return message + who + '\n';
    case FailureKind::crashed:
      return "the process ended by " + end.how + last_line(end.output) + '\n';
    case FailureKind::hung:
      return "the run hangs: no point was reached for a long time\n";
  }
  __builtin_unreachable();
}

namespace {

// By what two failures of a kind are told apart: what was said, or how the process ended, or who
// waits for what. Not by numbers, which differ from run to run.
std::string signature(const SharedRun& run, const WorkEnd& end) {
  switch (run.failure.load()) {
    case FailureKind::crashed:
      return end.how + without_numbers(last_line(end.output));
    case FailureKind::deadlock:
    case FailureKind::left_over:
    case FailureKind::endless: {
      std::set<std::pair<int, uintptr_t>> waiters;
      for (uint32_t i = 0; i < run.unfinished_count; ++i) {
        const SharedRun::Goroutine& each = run.unfinished[i];
        waiters.emplace(each.runs ? -1 : each.wait_reason, each.created_by);
      }
      std::string text;
      for (auto [reason, creator] : waiters)
        text += std::to_string(reason) + ' ' + std::to_string(creator) + ',';
      return text;
    }
    default:
      return without_numbers(run.get_message().substr(0, run.get_message().find(':')));
  }
}

constexpr const char* not_deterministic =
    "a run failed once, and did not when it was made again: the program is not deterministic. "
    "The first time: ";

// Of the same seed, but departing less often: the failing run with the fewest departures that can
// be found until `deadline`, or more than a run can have. `fails_alike` asks of the run just made.
Schedule find_quieter(const Program& program, SharedRun& run, uint64_t seed,
                      const std::function<bool()>& fails_alike, Instant deadline, WorkEnd& end) {
  constexpr size_t few = 3;  // that need no better
  constexpr uint64_t attempts_max = 200;
  constexpr uint64_t attempts_each = 20;  // before the next level has its turn
  constexpr Quiet levels[] = {{0, 50'000, 500},      {0, 300'000, 500},      {0, 50'000, 10'000},
                              {0, 300'000, 10'000},  {0, 1'000'000, 500},    {0, 1'000'000, 10'000},
                              {0, 300'000, 100'000}, {0, 1'000'000, 100'000}};
  Schedule best(SharedRun::departures_max);
  const auto try_level = [&](const Quiet& level, uint64_t first) {
    const uint64_t beyond = first + attempts_each;
    for (run.candidate = first; run.candidate < beyond && now() < deadline; ++run.candidate) {
      end = {};
      end = work_in_child(run, program.setup.patience, [&] {
        for (; run.candidate < beyond && now() < deadline; ++run.candidate) {
          Quiet quiet = level;
          quiet.attempt = run.candidate;
          RandomDecider decider(run, seed, program.faults, quiet);
          run_once(program, seed, decider, run);
          if (run.failure != FailureKind::none) return;
        }
      });
      if (run.candidate < beyond && fails_alike() && !run.departures_lost &&
          run.schedule().size() < best.size())
        best = run.schedule();
    }
  };
  for (uint64_t first = 1; first <= attempts_max; first += attempts_each)
    for (const Quiet& level : levels)
      if (best.size() > few) try_level(level, first);
  return best;
}

}  // namespace

Failure explain(const Program& program, SharedRun& run, const WorkEnd& first, bool seeded) {
  Failure failure;
  failure.seed = run.seed.load();
  const Schedule found = run.schedule();
  failure.schedule = found;
  failure.departures_found = found.size();
  const FailureKind kind = run.failure.load();
  const std::string message(run.get_message());
  WorkEnd end = first;
  const std::string wanted = signature(run, end);
  auto fails_alike = [&] {
    if (end.hung)
      run.failure = FailureKind::hung;
    else if (end.crashed)
      run.failure = FailureKind::crashed;
    return run.failure == kind && signature(run, end) == wanted;
  };
  // Runs schedules in children, each until one fails; one that fails otherwise is passed over.
  FindFailing find = [&](const std::vector<Schedule>& candidates, Instant deadline) {
    for (size_t next = 0; next < candidates.size() && now() < deadline; ++next) {
      run.candidate = next;
      end = {};
      end = work_in_child(run, program.setup.patience, [&] {
        for (; run.candidate < candidates.size() && now() < deadline; ++run.candidate) {
          ScriptedDecider decider(run, failure.seed, candidates[run.candidate]);
          run_once(program, failure.seed, decider, run);
          // What a failed run leaves behind is not to fail the next one.
          if (run.failure != FailureKind::none) return;
        }
      });
      next = run.candidate;
      if (next < candidates.size() && fails_alike()) return next;
    }
    return candidates.size();
  };
  run.wants_events = false;
  if (seeded && !run.departures_lost) {
    const uint64_t decisions = run.decisions;
    const Duration half = program.setup.shrink_time / 2;
    // In a long run one departure less moves all that follow: a run that has few from the start
    // shrinks better.
    const Schedule quieter =
        find_quieter(program, run, failure.seed, fails_alike, now() + half, end);
    failure.schedule =
        shrink(quieter.size() < found.size() ? quieter : found, decisions, find, half);
  }
  run.wants_events = true;
  if (find({failure.schedule}, Instant::max()) != 0) {
    failure.what = not_deterministic + message + '\n' + first.output;
    return failure;
  }
  failure.what = describe(run, end);
  failure.decisions = run.decisions;
  failure.timeline = timeline(run);
  failure.output = end.output;
  failure.replay = replay_command(program, failure, seeded);
  return failure;
}

}  // namespace sluice::simulation::internal
