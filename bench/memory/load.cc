// SPDX-License-Identifier: Apache-2.0

#include "bench/memory/load.h"

#include <algorithm>

#include "sluice/runtime/go.h"
#include "sluice/sync/guarded.h"
#include "sluice/sync/wait_group.h"

namespace bench_memory {

namespace {

using namespace sluice;
using namespace std::chrono_literals;

// The status; 0: there was no answer.
int status_of(const http::Client& client, const std::string& url) {
  auto [context, cancel] = with_timeout(Context::background(), 10s);
  Result<http::ClientResponse> response = client.get(context, url);
  if (!response) return 0;
  if (!response->read_all(1 << 20)) return 0;
  return response->status();
}

void count(Tally& tally, int status, Duration took) {
  if (status == 200) {
    ++tally.served;
    tally.served_in.push_back(took);
  } else {
    ++(status == 503 ? tally.shed : tally.failed);
  }
}

}  // namespace

double Tally::ms(double part) {
  if (served_in.empty()) return 0;
  std::sort(served_in.begin(), served_in.end());
  return double(served_in[size_t(part * double(served_in.size() - 1))].count()) / 1e6;
}

Tally load(const http::Client& client, const std::string& url, int per_second,
           std::chrono::milliseconds span) {
  constexpr Duration tick = 10ms;
  sync::Guarded<Tally> tally;
  sync::WaitGroup all;
  Instant begin = now();
  int64_t started = 0;
  for (Instant at = begin; at < begin + span; at += tick) {
    sleep_until(at);
    int64_t due = per_second * (at + tick - begin) / 1s;
    for (; started < due; ++started)
      all.go([&] {
        Instant sent = now();
        int status = status_of(client, url);
        count(*tally.lock(), status, now() - sent);
      });
  }
  all.wait();
  return std::move(*tally.lock());
}

bool wait_until_served(const http::Client& client, const std::string& url) {
  for (Instant end = now() + 10s; now() < end; sleep_for(10ms))
    if (status_of(client, url) == 200) return true;
  return false;
}

}  // namespace bench_memory
