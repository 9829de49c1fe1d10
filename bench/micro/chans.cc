// SPDX-License-Identifier: Apache-2.0

#include <array>

#include "bench/micro/harness.h"
#include "sluice/chan/select.h"

namespace bench {
namespace {

using sluice::Channel;
using sluice::on_receive;

Samples unbuffered() {
  int64_t n = scaled(500'000);
  Channel<int64_t> ping, pong;
  sluice::go([ping, pong] {
    for (int64_t v : ping) pong.send(v);
    pong.close();
  });
  int64_t sum = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    ping.send(i);
    sum += *pong.receive();
  }
  Samples samples = watch.stop("chan_unbuf", n);
  ping.close();
  SLUICE_ASSERT(sum == n * (n - 1) / 2);
  return samples;
}

Samples buffered() {
  int64_t n = scaled(4'000'000);
  Channel<int64_t> c{128};
  Stopwatch watch;
  sluice::go([c, n] {
    for (int64_t i = 0; i < n; ++i) c.send(i);
    c.close();
  });
  int64_t sum = 0;
  for (int64_t v : c) sum += v;
  Samples samples = watch.stop("chan_buf", n);
  SLUICE_ASSERT(sum == n * (n - 1) / 2);
  return samples;
}

Samples uncontended() {
  int64_t n = scaled(5'000'000);
  Channel<int64_t> c{128};
  int64_t sum = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    c.send(i);
    sum += *c.receive();
  }
  Samples samples = watch.stop("chan_uncontended", n);
  SLUICE_ASSERT(sum == n * (n - 1) / 2);
  return samples;
}

Samples select4() {
  int64_t n = scaled(500'000);
  std::array<Channel<int64_t>, 4> c;
  Stopwatch watch;
  sluice::go([c, n] {
    Random random(7);
    for (int64_t i = 0; i < n; ++i) c[random.next() >> 33 & 3].send(i);
  });
  int64_t sum = 0;
  auto add = [&sum](int64_t v) { sum += v; };
  for (int64_t i = 0; i < n; ++i) {
    sluice::select(on_receive(c[0], add), on_receive(c[1], add), on_receive(c[2], add),
                   on_receive(c[3], add));
  }
  Samples samples = watch.stop("select4", n);
  SLUICE_ASSERT(sum == n * (n - 1) / 2);
  return samples;
}

Samples select4_default() {
  int64_t n = scaled(3'000'000);
  std::array<Channel<int64_t>, 4> c{Channel<int64_t>{1}, Channel<int64_t>{1}, Channel<int64_t>{1},
                                    Channel<int64_t>{1}};
  int64_t misses = 0;
  Stopwatch watch;
  for (int64_t i = 0; i < n; ++i) {
    sluice::select(on_receive(c[0]), on_receive(c[1]), on_receive(c[2]), on_receive(c[3]),
                   sluice::on_default([&] { ++misses; }));
  }
  Samples samples = watch.stop("select4_default", n);
  SLUICE_ASSERT(misses == n);
  return samples;
}

}  // namespace

void register_chans(Workloads& all) {
  all.push_back({"chan_unbuf", unbuffered});
  all.push_back({"chan_buf", buffered});
  all.push_back({"chan_uncontended", uncontended});
  all.push_back({"select4", select4});
  all.push_back({"select4_default", select4_default});
}

}  // namespace bench
