// SPDX-License-Identifier: Apache-2.0

// Each fault of a simulated network: that it is counted, and what a user sees of it.

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/net/internal/test_network.h"
#include "sluice/net/internal/test_pair.h"
#include "sluice/net/simulated_network.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;
using internal::connected;
using internal::Dice;
using internal::errno_of;
using internal::in_test_time;
using internal::on_runtime;
using internal::Pair;
using internal::read_some;
using internal::ScriptedFaults;

const char* const address = "10.0.0.2:80";
const Dialer patient({.timeout = 24h});

// Runs `body(network, script)` in test time, on a network of these faults.
template <class Body>
void with_faults(NetworkFaults faults, Body body) {
  in_test_time([&] {
    ScriptedFaults script;
    SimulatedNetwork network(faults, &script);
    body(network, script);
  });
}

Pair patiently_connected() {
  Result<Listener> listener = Listener::listen(address);
  Result<Conn> client = patient.dial({}, address);
  EXPECT_TRUE(client) << client.error().to_string();
  return {std::move(*client), std::move(*listener->accept())};
}

TEST(SimulatedFaults, DelayASegment) {
  with_faults({.latency_spike = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(1);
    EXPECT_TRUE(pair.client.write("late"));
    EXPECT_EQ(read_some(pair.server), "late");
    EXPECT_EQ(network.counts().latency_spikes, 1u);
    EXPECT_EQ(script.notes_with("a latency of 50 ms"), 1);
  });
}

TEST(SimulatedFaults, LoseASegmentForAWhile) {
  with_faults({.loss = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(3);
    Instant begin = now();
    EXPECT_TRUE(pair.client.write("one"));
    EXPECT_EQ(read_some(pair.server), "one");
    EXPECT_GE(now() - begin, 200ms + 400ms + 800ms);
    EXPECT_EQ(network.counts().losses, 3u);
    EXPECT_EQ(script.notes_with("lost, again in 400 ms"), 1);
  });
}

// What comes behind a lost segment waits for it.
TEST(SimulatedFaults, KeepTheOrderOfAStream) {
  with_faults({.loss = 1}, [](SimulatedNetwork&, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(1);
    EXPECT_TRUE(pair.client.write("first"));
    EXPECT_TRUE(pair.client.write(" second"));
    EXPECT_TRUE(pair.client.close_write());
    std::string all;
    for (std::string some = read_some(pair.server); !some.empty(); some = read_some(pair.server))
      all += some;
    EXPECT_EQ(all, "first second");
  });
}

TEST(SimulatedFaults, LoseSyns) {
  with_faults({.loss = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    script.next(2);
    Instant begin = now();
    Pair pair = patiently_connected();
    EXPECT_GE(now() - begin, 3s);
    EXPECT_EQ(network.counts().losses, 2u);
    EXPECT_EQ(script.notes_with("SYN lost"), 2);
  });
}

TEST(SimulatedFaults, ResetBothEnds) {
  with_faults({.reset = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(1);
    EXPECT_TRUE(pair.client.write("never arrives"));
    for (Conn* conn : {&pair.client, &pair.server}) {
      char piece[16];
      Result<size_t> got = conn->read(piece);
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error().code(), Code::unavailable);
      EXPECT_EQ(errno_of(got.error()), ECONNRESET);
      EXPECT_EQ(errno_of(conn->write("x").error()), EPIPE);
    }
    EXPECT_EQ(network.counts().resets, 1u);
    EXPECT_EQ(script.notes_with("reset by the network"), 1);
  });
}

TEST(SimulatedFaults, PartitionAHostForAWhile) {
  with_faults({.partition = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(1);
    EXPECT_TRUE(pair.client.write("through"));
    EXPECT_EQ(read_some(pair.server), "through");
    EXPECT_EQ(network.counts().partitions, 1u);
    EXPECT_EQ(script.notes_with("partition of 10.0.0.2 for 300 ms"), 1);
  });
}

TEST(SimulatedFaults, RefuseAConnect) {
  with_faults({.connect_refused = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Result<Listener> listener = Listener::listen(address);
    script.next(1);
    Result<Conn> refused = patient.dial({}, address);
    ASSERT_FALSE(refused);
    EXPECT_EQ(errno_of(refused.error()), ECONNREFUSED);
    EXPECT_TRUE(patient.dial({}, address));
    EXPECT_EQ(network.counts().connects_refused, 1u);
  });
}

TEST(SimulatedFaults, LetAConnectTimeOut) {
  with_faults({.connect_timeout = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Result<Listener> listener = Listener::listen(address);
    script.next(1);
    Instant begin = now();
    Result<Conn> late = patient.dial({}, address);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Code::unavailable);
    EXPECT_EQ(errno_of(late.error()), ETIMEDOUT);
    EXPECT_GE(now() - begin, 127s);
    EXPECT_EQ(script.notes_with("SYN lost"), 7);
    EXPECT_EQ(network.counts().connects_timed_out, 1u);
  });
}

TEST(SimulatedFaults, SlowAReader) {
  with_faults({.slow_reader = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(1);
    iovec piece{const_cast<char*>("abc"), 3};
    EXPECT_EQ(pair.client.try_write({&piece, 1}), 1);
    ASSERT_TRUE(pair.client.wait_writable());  // nobody reads: it ends with the slowness
    EXPECT_TRUE(pair.client.write("bc"));
    std::string all = read_some(pair.server);
    while (all.size() < 3) all += read_some(pair.server);
    EXPECT_EQ(all, "abc");
    EXPECT_EQ(network.counts().slow_readers, 1u);
    EXPECT_EQ(script.notes_with("reads as before"), 1);
  });
}

TEST(SimulatedFaults, LeaveNoDescriptorForAConnection) {
  with_faults({.accept_shortage = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Result<Listener> listener = Listener::listen(address);
    Result<Conn> client = patient.dial({}, address);
    script.next(2);
    EXPECT_TRUE(listener->accept());
    EXPECT_EQ(network.counts().accept_shortages, 2u);
  });
}

// Edge-triggered: who read less than there was room for waits for news of the rest.
TEST(SimulatedFaults, ShortenReads) {
  with_faults({.short_read = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    EXPECT_TRUE(pair.client.write("abc"));
    ASSERT_TRUE(pair.server.wait_readable());
    script.next(1);
    EXPECT_EQ(read_some(pair.server), "a");
    ASSERT_TRUE(pair.server.wait_readable());
    EXPECT_EQ(read_some(pair.server), "bc");
    EXPECT_EQ(network.counts().short_reads, 1u);
  });
}

TEST(SimulatedFaults, ShortenWrites) {
  with_faults({.short_write = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    script.next(1);
    iovec pieces[2] = {{const_cast<char*>("a"), 1}, {const_cast<char*>("bc"), 2}};
    EXPECT_EQ(pair.client.try_write(pieces), 1);
    ASSERT_TRUE(pair.client.wait_writable());
    EXPECT_TRUE(pair.client.write("bc"));
    EXPECT_EQ(network.counts().short_writes, 1u);
    EXPECT_EQ(network.counts().bytes, 3u);
  });
}

TEST(SimulatedPartition, HoldsBackBothDirectionsUntilItHeals) {
  with_faults({}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    network.name("ledger", "10.0.0.2");
    Pair pair = patiently_connected();
    network.partition("ledger");
    EXPECT_TRUE(pair.client.write("ping"));
    EXPECT_TRUE(pair.server.write("pong"));
    char piece[16];
    for (Conn* conn : {&pair.client, &pair.server}) {
      conn->set_read_deadline(now() + 10s);
      EXPECT_EQ(conn->read(piece).error().code(), Code::deadline_exceeded);
      conn->set_read_deadline(Instant::max());
    }
    network.heal("10.0.0.2");
    EXPECT_EQ(read_some(pair.server), "ping");
    EXPECT_EQ(read_some(pair.client), "pong");
    EXPECT_EQ(network.counts().partitions, 1u);
    EXPECT_EQ(script.notes_with("partition of 10.0.0.2"), 1);
    EXPECT_EQ(script.notes_with("10.0.0.2 is reachable again"), 1);
  });
}

TEST(SimulatedPartition, EndsAConnectionThatItOutlasts) {
  with_faults({}, [](SimulatedNetwork& network, ScriptedFaults&) {
    Pair pair = patiently_connected();
    network.partition("10.0.0.2", 1h);
    EXPECT_TRUE(pair.client.write("ping"));
    Instant begin = now();
    char piece[16];
    Result<size_t> got = pair.client.read(piece);
    ASSERT_FALSE(got);
    EXPECT_EQ(errno_of(got.error()), ETIMEDOUT);
    EXPECT_GT(now() - begin, 10min);
  });
}

// Nobody sends, but each end probes the other one.
TEST(SimulatedPartition, EndsAnIdleConnectionThatItOutlasts) {
  with_faults({}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Pair pair = patiently_connected();
    network.partition("10.0.0.2", 100s);
    char piece[16];
    pair.client.set_read_deadline(now() + 1000s);
    EXPECT_EQ(pair.client.read(piece).error().code(), Code::deadline_exceeded);
    pair.client.set_read_deadline(Instant::max());
    network.partition("10.0.0.2", 1h);
    for (Conn* conn : {&pair.client, &pair.server}) {
      Result<size_t> got = conn->read(piece);
      ASSERT_FALSE(got);
      EXPECT_EQ(errno_of(got.error()), ETIMEDOUT);
    }
    EXPECT_EQ(script.notes_with("no answer to probes"), 2);
  });
}

TEST(SimulatedPartition, DropsSyns) {
  with_faults({}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Result<Listener> listener = Listener::listen(address);
    network.partition("10.0.0.1");
    {
      internal::Joined healer([&] {
        while (script.notes_with("no way for a SYN") == 0) yield();
        network.heal("10.0.0.1");
      });
      EXPECT_TRUE(patient.dial({}, address));
    }
    network.partition("10.0.0.2");
    Result<Conn> late = patient.dial({}, address);
    ASSERT_FALSE(late);
    EXPECT_EQ(errno_of(late.error()), ETIMEDOUT);
  });
}

// The client is connected when the answer to its SYN arrives, the listener hears of it later, or
// never.
TEST(SimulatedPartition, MayCutAHandshakeInTwo) {
  with_faults({.loss = 1}, [](SimulatedNetwork& network, ScriptedFaults& script) {
    Result<Listener> listener = Listener::listen(address);
    for (bool is_closed : {false, true}) {
      script.next(10, 1);  // not the SYN
      Result<Conn> client = patient.dial({}, address);
      ASSERT_TRUE(client);
      network.partition("10.0.0.2");
      if (is_closed) client->close();
      auto [context, cancel] = with_timeout({}, 25min);
      EXPECT_TRUE(is(listener->accept(context).error(), context_deadline_exceeded));
      EXPECT_EQ(script.notes_with("given up"), is_closed ? 2 : 1);
      if (!is_closed) {
        char piece[16];
        EXPECT_EQ(errno_of(client->read(piece).error()), ETIMEDOUT);
      }
      network.heal("10.0.0.2");
    }
    Result<Conn> client = patient.dial({}, address);
    ASSERT_TRUE(client);
    EXPECT_EQ(listener->accept()->remote_address(), client->local_address());
  });
}

TEST(SimulatedPartition, LeavesAHostToItself) {
  with_faults({}, [](SimulatedNetwork& network, ScriptedFaults&) {
    network.partition("127.0.0.1");
    network.partition("10.0.0.1");
    for (const char* own : {"127.0.0.1:0", "10.0.0.1:0", "unix:@own"}) {
      Pair pair = connected(own);
      EXPECT_TRUE(pair.client.write("own"));
      EXPECT_EQ(read_some(pair.server), "own");
    }
  });
}

TEST(SimulatedBacklog, MakesClientsTryAgainWhenItIsFull) {
  with_faults({}, [](SimulatedNetwork&, ScriptedFaults& script) {
    Result<Listener> listener = Listener::listen(address);
    std::vector<Conn> clients;
    Result<Conn> client = patient.dial({}, address);
    // Its SYNs are dropped as long as nobody accepts.
    while (client && clients.size() < 1000) {
      clients.push_back(std::move(*client));
      client = patient.dial({}, address);
    }
    ASSERT_FALSE(client);
    EXPECT_EQ(errno_of(client.error()), ETIMEDOUT);
    EXPECT_EQ(script.notes_with("no room in the backlog"), 7);
    EXPECT_EQ(clients.size(), 129u);
    ASSERT_TRUE(listener->accept());
    EXPECT_TRUE(patient.dial({}, address));
  });
}

// One thing under way at a time, so that the order is the network's own.
std::vector<std::string> notes_of(uint64_t seed) {
  std::vector<std::string> notes;
  in_test_time([&] {
    Dice dice(seed);
    SimulatedNetwork network({.latency_spike = 20'000, .loss = 50'000, .short_write = 50'000},
                             &dice);
    for (int i = 0; i < 5; ++i) {
      std::optional<Pair> pair = patiently_connected();
      for (bool request : {true, false}) {
        Conn& from = request ? pair->client : pair->server;
        Conn& to = request ? pair->server : pair->client;
        std::string text(3000, 'x');
        {
          internal::TimeStandsStill still;
          EXPECT_TRUE(from.write(text));
        }
        size_t got = 0;
        while (got < text.size()) got += read_some(to).size();
      }
      internal::TimeStandsStill still;
      pair.reset();
    }
    notes = dice.notes();
  });
  return notes;
}

TEST(SimulatedSeed, GivesTheSameNotesAgain) {
  std::vector<std::string> notes = notes_of(1);
  EXPECT_GT(notes.size(), 30u);
  EXPECT_EQ(notes_of(1), notes);
  EXPECT_NE(notes_of(2), notes);
}

// On bad days bytes arrive in order and whole, or an error says that they do not.
TEST(SimulatedSeed, BreaksNoStreamOnABadDay) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Dice dice(seed);
    NetworkCounts counts;
    in_test_time([&] {
      SimulatedNetwork network(NetworkFaults::rough(), &dice);
      Result<Listener> listener = Listener::listen(address);
      auto [context, cancel] = with_cancel({});
      internal::Joined server([&, &context = context] {
        while (Result<Conn> conn = listener->accept(context))
          go([conn = std::make_shared<Conn>(std::move(*conn))] {
            char piece[1000];
            for (Result<size_t> got = conn->read(piece); got && *got > 0; got = conn->read(piece))
              if (!conn->write({piece, *got})) return;
          });
      });
      {
        std::vector<std::unique_ptr<internal::Joined>> clients;
        for (int i = 0; i < 20; ++i)
          clients.push_back(std::make_unique<internal::Joined>([i] {
            Result<Conn> conn = patient.dial({}, address);
            std::string sent;
            for (int j = 0; j < 3000; ++j) sent += std::to_string(i * j) + " ";
            if (!conn) return;
            internal::Joined writer([&] {
              if (conn->write(sent)) (void)conn->close_write();
            });
            std::string got;
            char piece[3000];
            Result<size_t> some = 1;
            while (some && *some > 0) {
              some = conn->read(piece);
              if (some) got.append(piece, *some);
            }
            EXPECT_TRUE(sent.starts_with(got));
            if (some) {
              EXPECT_EQ(got, sent);
            }
            conn->interrupt();
          }));
      }
      cancel();
      counts = network.counts();
    });
    EXPECT_GT(counts.connections, 10u);
    EXPECT_GT(counts.short_reads + counts.short_writes + counts.latency_spikes, 0u);
  }
}

}  // namespace
}  // namespace sluice::net
