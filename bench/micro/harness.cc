// SPDX-License-Identifier: Apache-2.0

#include "bench/micro/harness.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "sluice/runtime/runtime.h"

namespace bench {
namespace {

double scale = 1;
int max_procs = 2;

double cpu_ns() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto ns = [](timeval t) { return double(t.tv_sec) * 1e9 + double(t.tv_usec) * 1e3; };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

// The figures of a workload's repetitions, sorted.
struct Columns {
  std::vector<double> ns, cpu, allocs, bytes;

  void add(const Sample& sample) {
    ns.push_back(sample.ns);
    cpu.push_back(sample.cpu);
    allocs.push_back(sample.allocs);
    bytes.push_back(sample.bytes);
  }
  void sort() {
    for (auto* column : {&ns, &cpu, &allocs, &bytes}) std::sort(column->begin(), column->end());
  }
};

double median(const std::vector<double>& sorted) {
  size_t n = sorted.size();
  return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

void print_figure(double value, int digits) {
  if (value < 0)
    std::printf("\t-");
  else
    std::printf("\t%.*f", digits, value);
}

void measure(const Workload& workload, int repetitions) {
  if (workload.once)
    repetitions = 1;
  else
    workload.run();
  std::map<std::string, Columns> got;
  for (int i = 0; i < repetitions; ++i) {
    for (const Sample& sample : workload.run()) got[sample.name].add(sample);
  }
  for (auto& [name, columns] : got) {
    columns.sort();
    std::printf("%s", name.c_str());
    print_figure(median(columns.ns), 2);
    print_figure(columns.ns[0], 2);
    print_figure(median(columns.cpu), 2);
    print_figure(columns.cpu[0], 2);
    print_figure(median(columns.allocs), 3);
    print_figure(median(columns.bytes), 0);
    std::printf("\t%d\n", repetitions);
    std::fflush(stdout);
  }
}

}  // namespace

[[gnu::weak]] int64_t allocations() { return -1; }

int64_t scaled(int64_t n) { return std::max<int64_t>(1, int64_t(double(n) * scale)); }
int procs() { return max_procs; }

int64_t resident_bytes() {
  long size = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  SLUICE_ASSERT(file != nullptr && std::fscanf(file, "%ld %ld", &size, &resident) == 2);
  std::fclose(file);
  return int64_t(resident) * sysconf(_SC_PAGESIZE);
}

Stopwatch::Stopwatch() : allocs_(uint64_t(allocations())), cpu_(cpu_ns()), wall_(sluice::now()) {}

Samples Stopwatch::stop(std::string_view name, int64_t ops) const {
  double wall = double((sluice::now() - wall_).count());
  double cpu = cpu_ns() - cpu_;
  double n = double(ops);
  double allocs = allocations() < 0 ? -1 : double(uint64_t(allocations()) - allocs_) / n;
  return {{std::string(name), wall / n, cpu / n, allocs}};
}

}  // namespace bench

// bench_micro [-p PROCESSORS] [-r REPETITIONS] [-s SCALE] [-list] WORKLOAD...
// The output is that of the Go program in bench/peers/go/micro.
int main(int argc, char** argv) {
  bench::Workloads all;
  bench::register_sched(all);
  bench::register_chans(all);
  bench::register_timers(all);
  bench::register_pools(all);
  bench::register_maps(all);
  bench::register_contention(all);
  int repetitions = 3;
  std::vector<const bench::Workload*> chosen;
  for (int i = 1; i < argc; ++i) {
    std::string_view arg = argv[i];
    if (arg == "-list") {
      for (const auto& workload : all) std::printf("%s\n", workload.name.c_str());
      return 0;
    }
    if (arg.starts_with("-") && i + 1 < argc) {
      const char* value = argv[++i];
      if (arg == "-p") bench::max_procs = std::atoi(value);
      if (arg == "-r") repetitions = std::atoi(value);
      if (arg == "-s") bench::scale = std::atof(value);
      continue;
    }
    size_t before = chosen.size();
    for (const auto& workload : all) {
      if (arg == workload.name || arg == "all") chosen.push_back(&workload);
    }
    if (chosen.size() == before) {
      std::fprintf(stderr, "no such workload: %s\n", argv[i]);
      return 2;
    }
  }
  sluice::Runtime runtime{{.max_procs = bench::max_procs}};
  runtime.block_on([&] {
    for (const auto* workload : chosen) bench::measure(*workload, repetitions);
  });
}
