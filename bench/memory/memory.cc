// SPDX-License-Identifier: Apache-2.0

// A flood of requests that together hold more memory than there is, with and without the memory
// governor: bench_memory [--quick] [--cgroup=FOLDER] [--hard-mib=N] [--request-kib=N] [--hold-ms=N]
// [--flood-per-second=N] [--flood-ms=N]
// The server is a process of its own, in a cgroup that bench/memory/run made, or under a watchdog
// that kills it where a cgroup would. Fails when the governed server is killed, sheds nothing, or
// does not serve everybody afterwards, and when the other one lives.

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "bench/memory/load.h"
#include "bench/memory/options.h"
#include "bench/memory/server_process.h"
#include "sluice/runtime/runtime.h"

namespace bench_memory {
namespace {

using namespace sluice;

struct Outcome {
  Tally before, flood, after;
  double recovered_ms = 0;  // from the flood's last answer to the first that is served
  bool recovered = false;
  bool killed = false;
  uint64_t most_bytes = 0;  // resident
  uint64_t last_bytes = 0;
  std::string metrics;
};

std::string metrics_of(const http::Client& client, const std::string& base) {
  Result<http::ClientResponse> response = client.get(Context::background(), base + "/metrics");
  return response ? response->read_all().value_or("") : "";
}

Outcome run(const Options& options, bool governed) {
  ServerProcess server(options, governed);
  Outcome outcome;
  // A new connection each: what was shed is closed, as is what is idle.
  http::Client client{{.idle_per_host_max = 64}};
  std::string base = "http://" + server.address();
  std::string url = base + "/hold";
  outcome.before = load(client, url, options.calm_per_second, options.calm);
  outcome.flood = load(client, url, options.flood_per_second, options.flood);
  Instant ended = now();
  if (!server.killed()) outcome.recovered = wait_until_served(client, url);
  outcome.recovered_ms = double((now() - ended).count()) / 1e6;
  outcome.after = load(client, url, options.calm_per_second, options.calm);
  outcome.killed = server.killed();
  outcome.most_bytes = server.resident_bytes_max();
  if (!outcome.killed) {
    outcome.last_bytes = server.resident_bytes();
    outcome.metrics = metrics_of(client, base);
  }
  return outcome;
}

void print_phase(const char* name, Tally& tally) {
  std::printf(
      "  %-8s sent %6llu   served %6llu   503 %6llu   no answer %6llu   p50 %6.0f   p99 %6.0f ms\n",
      name, static_cast<unsigned long long>(tally.sent()),
      static_cast<unsigned long long>(tally.served), static_cast<unsigned long long>(tally.shed),
      static_cast<unsigned long long>(tally.failed), tally.ms(0.5), tally.ms(0.99));
}

void print_metrics(std::string_view text) {
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.starts_with("sluice_memory_") || line.starts_with("sluice_requests_shed") ||
        line.starts_with("sluice_stacks_released"))
      std::printf("  %.*s\n", static_cast<int>(line.size()), line.data());
  }
}

void print(const char* name, Outcome& outcome) {
  std::printf("%s: %s\n", name, outcome.killed ? "KILLED" : "lived");
  print_phase("before", outcome.before);
  print_phase("flood", outcome.flood);
  print_phase("after", outcome.after);
  std::printf("  resident at most %.1f MiB", double(outcome.most_bytes) / 1048576);
  if (!outcome.killed)
    std::printf(", at the end %.1f MiB; served again %.0f ms after the flood",
                double(outcome.last_bytes) / 1048576, outcome.recovered_ms);
  std::printf("\n");
  print_metrics(outcome.metrics);
  std::fflush(stdout);
}

int failures = 0;
void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

void compare(const Options& options) {
  std::printf(
      "%llu MiB, kept by %s; requests hold %llu KiB for %lld ms: %d a second, then %d, then %d\n",
      static_cast<unsigned long long>(options.hard_mib),
      options.cgroup.empty() ? "a watchdog" : "a cgroup",
      static_cast<unsigned long long>(options.request_kib),
      static_cast<long long>(options.hold.count()), options.calm_per_second,
      options.flood_per_second, options.calm_per_second);
  Outcome without = run(options, false);
  print("SLUICE_MEMLIMIT=off", without);
  Outcome with = run(options, true);
  print("with the governor", with);
  expect(without.killed, "the load does not kill a server without the governor");
  expect(!with.killed, "the server was killed");
  expect(with.before.served == with.before.sent(), "not all were served before the flood");
  expect(with.flood.shed > 0, "nothing was shed");
  expect(with.flood.served > 0, "nothing was served during the flood");
  expect(with.recovered, "nothing was served after the flood");
  expect(with.after.served == with.after.sent(), "not all were served after the flood");
}

// --name=value, to what it is the name of.
template <class Number>
bool take(std::string_view argument, std::string_view name, Number& value) {
  if (!argument.starts_with(name) || argument.substr(name.size(), 1) != "=") return false;
  value = Number(std::strtoll(argument.data() + name.size() + 1, nullptr, 10));
  return true;
}

bool parse(std::string_view argument, Options& options) {
  if (argument.starts_with("--cgroup=")) {
    options.cgroup = argument.substr(std::strlen("--cgroup="));
    return true;
  }
  return take(argument, "--hard-mib", options.hard_mib) ||
         take(argument, "--request-kib", options.request_kib) ||
         take(argument, "--hold-ms", options.hold) ||
         take(argument, "--flood-per-second", options.flood_per_second) ||
         take(argument, "--flood-ms", options.flood);
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace bench_memory

int main(int argc, char** argv) {
  using namespace bench_memory;
  Options options;
  bool serves = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      options = quick_options();
    } else if (std::strcmp(argv[i], "--serve") == 0) {
      serves = true;
    } else if (!parse(argv[i], options)) {
      std::fprintf(stderr, "bench_memory: what is %s?\n", argv[i]);
      return 2;
    }
  }
  raise_descriptor_limit();
  if (serves) return serve(options);
  sluice::Runtime runtime;
  runtime.block_on([&] { compare(options); });
  return failures == 0 ? 0 : 1;
}
