// SPDX-License-Identifier: Apache-2.0

#include <optional>
#include <string>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/wait_group.h"

using namespace std::chrono_literals;

namespace sluice::simulation::internal {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

// Everything that is sent is received once, in the order of its sender.
void two_senders(size_t capacity) {
  Channel<int> channel(capacity);
  sync::WaitGroup senders;
  for (int sender = 0; sender < 2; ++sender)
    senders.go([channel, sender] {
      channel.send(10 * sender + 1);
      channel.send(10 * sender + 2);
    });
  int last[2] = {0, 0};
  for (int i = 0; i < 4; ++i) {
    int value = *channel.receive();
    expect(value % 10 == ++last[value / 10], "a sender's values change places");
  }
  senders.wait();
  expect(channel.size() == 0, "a value too many");
}
void unbuffered() { two_senders(0); }
void buffered() { two_senders(1); }

// Two receivers share what comes; close() ends both.
void close_ends_receivers() {
  Channel<int> channel(1);
  int sum = 0;
  sync::WaitGroup receivers;
  for (int i = 0; i < 2; ++i)
    receivers.go([&sum, channel] {
      while (std::optional<int> value = channel.receive()) sum += *value;
    });
  for (int i = 1; i <= 3; ++i) channel.send(i);
  channel.close();
  receivers.wait();
  expect(sum == 6, "a value is lost or doubled");
}

// What try_send() took is there.
void try_operations() {
  Channel<int> channel(1);
  int sent = 0, received = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i) group.go([&sent, channel] { sent += channel.try_send(1); });
  group.go([&received, channel] { received += channel.try_receive().has_value(); });
  group.wait();
  while (channel.try_receive()) ++received;
  expect(sent == received && sent >= 1, "sent and received differ");
}

// A select takes exactly one of its cases, and leaves the other channels as they are.
void select_of_two() {
  Channel<int> left, right;
  sync::WaitGroup senders;
  senders.go([left] { left.send(1); });
  senders.go([right] { right.send(2); });
  int sum = 0;
  for (int i = 0; i < 2; ++i)
    select(on_receive(left, [&](int value) { sum += value; }),
           on_receive(right, [&](int value) { sum += value; }));
  senders.wait();
  expect(sum == 3, "a case was taken twice, or not at all");
}

// Selects on both sides of two channels meet.
void selects_meet() {
  Channel<int> left, right;
  sync::WaitGroup group;
  int sent = 0, received = 0;
  group.go([&, left, right] {
    select(on_send(left, 1, [&] { sent = 1; }), on_send(right, 2, [&] { sent = 2; }));
  });
  group.go([&, left, right] {
    select(on_receive(right, [&](int value) { received = value; }),
           on_receive(left, [&](int value) { received = value; }));
  });
  group.wait();
  expect(sent != 0 && sent == received, "sent and received differ");
}

// A timeout and a value at the same moment: one of them, and the value is not lost.
void select_with_timeout() {
  Channel<int> channel;
  bool sent = false;
  sync::WaitGroup group;
  group.go([&, channel] {
    sleep_for(1ms);
    select(on_send(channel, 1, [&] { sent = true; }), on_timeout(1ms));
  });
  int value = 0;
  select(on_receive(channel, [&](int got) { value = got; }), on_timeout(1ms));
  group.wait();
  expect(sent == (value == 1), "the sender's case and the receiver's differ");
}

// A default is taken only where nothing is ready.
void select_with_default() {
  Channel<int> channel(1);
  channel.send(1);
  int values = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i)
    group.go([&, channel] {
      select(on_receive(channel, [&](int value) { values += value; }), on_default([] {}));
    });
  group.wait();
  expect(values == 1, "a value that was there was not taken, or twice");
}

}  // namespace

const std::vector<TestProgram>& channel_programs() {
  static const std::vector<TestProgram> programs{
      {"channel: unbuffered, 2 senders", 2, unbuffered},
      {"channel: buffered, 2 senders", 2, buffered},
      {"channel: close ends receivers", 2, close_ends_receivers},
      {"channel: try_send, try_receive", 3, try_operations},
      {"select: two receives", 2, select_of_two},
      {"select: both sides", 3, selects_meet},
      {"select: timeout", 2, select_with_timeout},
      {"select: default", 3, select_with_default},
  };
  return programs;
}

}  // namespace sluice::simulation::internal
