// SPDX-License-Identifier: Apache-2.0

// What a running CPU profile costs: the same work without it and under it, in turns, in CPU time of
// the whole process. "percent" is of the medians; a profile's end, which is paid once, is apart.

#include "sluice/debug/cpu_profile.h"

#include <time.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "sluice/base/assert.h"
#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/http/client.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

double cpu_seconds() {
  timespec used;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

template <class Work>
double seconds_of(Work& work) {
  double begin = cpu_seconds();
  work();
  return cpu_seconds() - begin;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Each iteration does `work`, of so many ops, twice; who is first changes.
template <class Work>
void compare(benchmark::State& state, double ops, Work work) {
  std::vector<double> off, on;
  double ends = 0, samples = 0;
  work();
  for (auto _ : state) {
    bool first = off.size() % 2 == 0;
    if (first) off.push_back(seconds_of(work));
    Result<void> running = runtime::start_cpu_samples();
    SLUICE_ASSERT(running.has_value(), "a profile runs already");
    on.push_back(seconds_of(work));
    double end = cpu_seconds();
    runtime::CpuSamples taken = runtime::stop_cpu_samples();
    benchmark::DoNotOptimize(encode_cpu_profile(taken));
    ends += cpu_seconds() - end;
    for (const runtime::CpuSample& sample : taken.samples)
      samples += static_cast<double>(sample.count);
    if (!first) off.push_back(seconds_of(work));
  }
  double rounds = static_cast<double>(off.size());
  state.counters["off_ns"] = median(off) / ops * 1e9;
  state.counters["on_ns"] = median(on) / ops * 1e9;
  state.counters["percent"] = (median(on) / median(off) - 1) * 100;
  state.counters["samples"] = samples / rounds;
  state.counters["end_ms"] = ends / rounds * 1e3;
}

void channel(benchmark::State& state) {
  Runtime runtime{{.max_procs = static_cast<int>(state.range(0))}};
  constexpr int turns = 8'000'000;
  runtime.block_on([&] {
    compare(state, turns, [&] {
      Channel<int> there, back;
      go([=] {
        for (int i = 0; i < turns; ++i) back.send(there.receive().value_or(0));
      });
      for (int i = 0; i < turns; ++i) {
        there.send(i);
        back.receive();
      }
    });
  });
}
BENCHMARK(channel)->Arg(1)->Arg(2)->Iterations(15)->Unit(benchmark::kMillisecond);

void spawn(benchmark::State& state) {
  Runtime runtime{{.max_procs = static_cast<int>(state.range(0))}};
  constexpr int bursts = 7000, burst = 1000;
  runtime.block_on([&] {
    compare(state, bursts * burst, [&] {
      Channel<Unit> ended(burst);
      for (int i = 0; i < bursts; ++i) {
        for (int j = 0; j < burst; ++j) go([ended] { ended.send({}); });
        for (int j = 0; j < burst; ++j) ended.receive();
      }
    });
  });
}
BENCHMARK(spawn)->Arg(1)->Arg(2)->Iterations(15)->Unit(benchmark::kMillisecond);

// Clients and server in one process, over the loopback.
void http_requests(benchmark::State& state) {
  Runtime runtime{{.max_procs = static_cast<int>(state.range(0))}};
  constexpr int clients = 16, requests = 4000;
  runtime.block_on([&] {
    http::Server server{[](http::Request&, http::ResponseWriter& response) {
      return response.text(200, "hello\n");
    }};
    Result<net::Listener> listener = net::Listener::listen("127.0.0.1:0");
    SLUICE_ASSERT(listener.has_value(), "no port to listen on");
    std::string url = "http://" + listener->address().to_string() + "/";
    CancellableContext scope = with_cancel(Context::background());
    Channel<Unit> served(1);
    go([&, listener = std::move(*listener)]() mutable {
      static_cast<void>(server.serve(scope.context, std::move(listener)));
      served.send({});
    });
    http::Client client;
    compare(state, clients * requests, [&] {
      Channel<Unit> ended(clients);
      for (int i = 0; i < clients; ++i)
        go([&] {
          for (int j = 0; j < requests; ++j) {
            Result<http::ClientResponse> response = client.get(Context::background(), url);
            SLUICE_ASSERT(response && response->read_all(), "a request failed");
          }
          ended.send({});
        });
      for (int i = 0; i < clients; ++i) ended.receive();
    });
    scope.cancel();
    served.receive();
  });
}
BENCHMARK(http_requests)->Arg(1)->Arg(2)->Iterations(15)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::debug
