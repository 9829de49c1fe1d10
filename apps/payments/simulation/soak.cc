// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/soak.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include "apps/payments/simulation/scenario.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/base/assert.h"

namespace payments_simulation {

using sluice::simulation::Report;
using sluice::simulation::simulate;
using sluice::simulation::SimulateOptions;

namespace {

// Seeds that one call of simulate() runs.
constexpr uint64_t chunk_max = 500;

// What all processes share.
struct Progress {
  std::atomic<uint64_t> next;  // chunk
  std::atomic<uint64_t> runs, over_http, points, goroutines, faults, simulated_ns;
  std::atomic<bool> failed;
};

Progress& make_progress() {
  void* memory =
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SLUICE_ASSERT(memory != MAP_FAILED, "no memory to share");
  return *static_cast<Progress*>(memory);
}

void print(const Progress& progress, std::chrono::steady_clock::duration took) {
  const auto seconds = std::chrono::duration<double>(took).count();
  const uint64_t runs = progress.runs;
  std::printf(
      "%llu runs (%llu over HTTP), %llu points, %llu goroutines, %llu faults; %.0f s simulated in "
      "%.0f s\n",
      static_cast<unsigned long long>(runs),
      static_cast<unsigned long long>(progress.over_http.load()),
      static_cast<unsigned long long>(progress.points.load()),
      static_cast<unsigned long long>(progress.goroutines.load()),
      static_cast<unsigned long long>(progress.faults.load()),
      static_cast<double>(progress.simulated_ns.load()) * 1e-9, seconds);
  std::fflush(stdout);
}

void take(const Report& report, bool over_http, Progress& progress) {
  progress.runs += report.runs;
  if (over_http) progress.over_http += report.runs;
  progress.points += report.steps;
  progress.goroutines += report.goroutines;
  progress.faults += report.faults;
  progress.simulated_ns += static_cast<uint64_t>(report.simulated.count());
}

// Chunks in turn direct and over HTTP; both use the same seeds.
void work(uint64_t runs, const std::function<SimulateOptions(bool)>& options_of,
          Progress& progress) {
  while (!progress.failed) {
    const uint64_t chunk = progress.next.fetch_add(1);
    const uint64_t begin = chunk * chunk_max;
    if (begin >= runs) return;
    const bool over_http = chunk % 2 == 1;
    SimulateOptions options = options_of(over_http);
    options.first_seed = 1 + chunk / 2 * chunk_max;
    options.seeds = std::min(chunk_max, runs - begin);
    const Report report = simulate(options, [over_http] { run(Scenario::rough(over_http)); });
    take(report, over_http, progress);
    if (report.passed()) continue;
    progress.failed = true;
    std::printf("%s", report.to_string().c_str());
    std::fflush(stdout);
  }
}

}  // namespace

bool soak(uint64_t runs, unsigned jobs, const std::function<SimulateOptions(bool)>& options) {
  Progress& progress = make_progress();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<pid_t> workers;
  std::fflush(nullptr);
  for (unsigned i = 0; i < std::max(jobs, 1U); ++i) {
    const pid_t worker = ::fork();
    SLUICE_ASSERT(worker >= 0, "no process can be had");
    if (worker == 0) {
      work(runs, options, progress);
      ::_exit(0);
    }
    workers.push_back(worker);
  }
  uint64_t printed = 0;
  bool ended_well = true;
  for (const pid_t worker : workers) {
    int status = 0;
    while (::waitpid(worker, &status, WNOHANG) == 0) {
      ::usleep(200'000);
      if (progress.runs < printed + std::max<uint64_t>(runs / 10, 1)) continue;
      printed = progress.runs;
      print(progress, std::chrono::steady_clock::now() - begin);
    }
    ended_well = ended_well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  print(progress, std::chrono::steady_clock::now() - begin);
  std::printf("%s", tally_text().c_str());
  return ended_well && !progress.failed && progress.runs == runs;
}

}  // namespace payments_simulation
