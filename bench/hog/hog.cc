// SPDX-License-Identifier: Apache-2.0

// How late a ticker of one millisecond is, and how long an HTTP request takes, on one processor
// that two endless loops and a blocked system call would like to keep: hog [SECONDS] [LOOPS]

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "sluice/http/client.h"
#include "sluice/http/server.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/group.h"

namespace {

using namespace sluice;
using namespace std::chrono_literals;

double ms(Duration duration) { return double(duration.count()) / 1e6; }

void print(const char* what, std::vector<Duration>& values) {
  std::sort(values.begin(), values.end());
  auto at = [&](double part) { return ms(values[size_t(part * double(values.size() - 1))]); };
  std::printf("%-30s %5zu   p50 %7.3f   p90 %7.3f   p99 %7.3f   max %7.3f ms\n", what,
              values.size(), at(0.5), at(0.9), at(0.99), at(1));
}

// Ticks on a grid, so that one late tick does not move the next.
std::vector<Duration> lateness(Duration span) {
  std::vector<Duration> late;
  Instant start = now();
  for (Instant due = start + 1ms; due < start + span; due += 1ms) {
    sleep_until(due);
    late.push_back(now() - due);
  }
  return late;
}

Result<void> measure(Duration span, int loops) {
  Context context;
  net::Listener listener = SLUICE_TRY(net::Listener::listen("127.0.0.1:0"));
  std::string url = "http://" + listener.address().to_string() + "/";
  auto [serving, stop] = with_cancel(context);
  sync::Group group{serving};
  http::Server server{[](http::Request&, http::ResponseWriter& response) {
    return response.text(200, "Hello, World!");
  }};
  group.go([&](Context context) { return server.serve(context, std::move(listener)); });
  http::Client client;

  std::atomic<bool> over{false};
  std::atomic<int> running{0};
  Instant begin = now();
  for (int i = 0; i < loops; ++i)
    go([&over, &running] {
      ++running;
      while (!over.load(std::memory_order_relaxed)) continue;
    });
  std::atomic<bool> slept{false};
  go([&slept, span] {
    ::usleep(useconds_t(span / 1us));
    slept = true;
  });

  // Each loop has the processor for one slice of 10 ms before it is taken for good.
  while (running != loops) yield();
  std::printf("until all loops ran and gave way %8.3f ms\n", ms(now() - begin));
  std::vector<Duration> late = lateness(span / 2);
  print("ticker of 1 ms, lateness", late);
  std::vector<Duration> times;
  for (Instant start = now(), end = start + span / 2; start < end; start = now()) {
    http::ClientResponse response = SLUICE_TRY(client.get(context, url));
    SLUICE_TRY(response.read_all(1024));
    times.push_back(now() - start);
  }
  print("HTTP request", times);
  over = true;
  while (!slept.load()) sleep_for(1ms);
  stop();
  return group.wait();
}

}  // namespace

int main(int argc, char** argv) {
  int seconds = argc > 1 ? std::atoi(argv[1]) : 10;
  int loops = argc > 2 ? std::atoi(argv[2]) : 2;
  Runtime runtime{{.max_procs = 1}};
  std::printf("one processor, %d endless loops, one usleep(%d s):\n", loops, seconds);
  Result<void> done =
      runtime.block_on([&] { return measure(std::chrono::seconds(seconds), loops); });
  if (!done && !is(done.error(), context_canceled)) {
    std::fprintf(stderr, "hog: %s\n", done.error().to_string().c_str());
    return 1;
  }
  return 0;
}
