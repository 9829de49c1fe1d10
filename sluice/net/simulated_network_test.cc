// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/simulated_network.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/net/internal/test_network.h"
#include "sluice/net/internal/test_pair.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;
using internal::connected;
using internal::errno_of;
using internal::on_runtime;
using internal::Pair;
using internal::read_some;

// Runs `body(network)` as a goroutine.
template <class Body>
void on_network(Body body) {
  on_runtime([&] {
    SimulatedNetwork network;
    body(network);
  });
}

std::string read_all(Conn& conn) {
  std::string all;
  std::vector<char> piece(10'000);
  for (;;) {
    Result<size_t> got = conn.read(piece);
    if (!got) return all + " error: " + got.error().to_string();
    if (*got == 0) return all;
    all.append(piece.data(), *got);
  }
}

TEST(SimulatedNetwork, CarriesBytesBothWays) {
  on_network([](SimulatedNetwork& network) {
    for (const char* address :
         {"10.0.0.2:80", "[fd00::2]:0", "127.0.0.1:0", "unix:/no/file", "unix:@name", ":0"}) {
      Pair pair = connected(address);
      EXPECT_GE(pair.client.fd(), runtime::first_simulated_fd);
      EXPECT_TRUE(pair.client.write("ping"));
      EXPECT_EQ(read_some(pair.server), "ping") << address;
      iovec pieces[3] = {{(void*)"po", 2}, {nullptr, 0}, {(void*)"ng", 2}};
      EXPECT_TRUE(pair.server.writev(pieces));
      EXPECT_EQ(read_some(pair.client), "pong");
    }
    EXPECT_EQ(network.counts().connections, 6u);
    EXPECT_EQ(network.counts().segments, 12u);
    EXPECT_EQ(network.counts().bytes, 48u);
  });
}

TEST(SimulatedNetwork, KnowsBothAddresses) {
  on_network([](SimulatedNetwork&) {
    Pair pair = connected("10.0.0.2:80");
    EXPECT_EQ(pair.client.local_address().host(), "10.0.0.1");
    EXPECT_EQ(pair.client.local_address(), pair.server.remote_address());
    EXPECT_EQ(pair.server.local_address().to_string(), "10.0.0.2:80");
    EXPECT_EQ(pair.client.remote_address().to_string(), "10.0.0.2:80");

    Result<Listener> listener = Listener::listen("10.0.0.3:80");
    Dialer dialer({.local = Address::from_ip("10.0.0.7", 0)});
    ASSERT_TRUE(dialer.dial({}, "10.0.0.3:80"));
    EXPECT_EQ(listener->accept()->remote_address().host(), "10.0.0.7");
  });
}

TEST(SimulatedNetwork, HandsOutPortsInOneOrder) {
  auto ports = [] {
    std::vector<int> ports;
    on_network([&](SimulatedNetwork&) {
      for (int i = 0; i < 3; ++i) {
        Pair pair = connected("10.0.0.2:0");
        ports.push_back(pair.server.local_address().port());
        ports.push_back(pair.client.local_address().port());
      }
    });
    return ports;
  };
  std::vector<int> first = ports();
  EXPECT_EQ(first.size(), 6u);
  EXPECT_EQ(ports(), first);
  std::sort(first.begin(), first.end());
  EXPECT_EQ(std::unique(first.begin(), first.end()), first.end());
}

TEST(SimulatedNetwork, RefusesAnAddressThatIsTaken) {
  on_network([](SimulatedNetwork&) {
    for (const char* address : {"10.0.0.2:80", "unix:/a"}) {
      Result<Listener> first = Listener::listen(address);
      ASSERT_TRUE(first);
      EXPECT_EQ(Listener::listen(address).error().code(), Code::already_exists);
      first->close();
      EXPECT_TRUE(Listener::listen(address));
    }
    Result<Listener> all = Listener::listen("0.0.0.0:80");
    EXPECT_EQ(Listener::listen("10.0.0.2:80").error().code(), Code::already_exists);
    EXPECT_TRUE(Listener::listen("10.0.0.2:81"));
  });
}

TEST(SimulatedNetwork, RefusesWhereNobodyListens) {
  on_network([](SimulatedNetwork&) {
    for (const char* address : {"10.0.0.2:80", "127.0.0.1:1", "unix:/none", "unix:@none"})
      EXPECT_EQ(Dialer().dial({}, address).error().code(), Code::unavailable) << address;
  });
}

TEST(SimulatedNetwork, HalfClosesADirection) {
  on_network([](SimulatedNetwork&) {
    Pair pair = connected();
    EXPECT_FALSE(pair.server.peer_closed());
    EXPECT_TRUE(pair.client.write("last"));
    EXPECT_TRUE(pair.client.close_write());
    EXPECT_EQ(read_all(pair.server), "last");
    EXPECT_TRUE(pair.server.hung_up());
    EXPECT_TRUE(pair.server.peer_closed());
    EXPECT_FALSE(pair.client.write("more"));
    EXPECT_TRUE(pair.server.write("answer"));
    pair.server.close();
    EXPECT_EQ(read_all(pair.client), "answer");
  });
}

TEST(SimulatedNetwork, MakesAWriterWaitForItsReader) {
  on_network([](SimulatedNetwork& network) {
    Pair pair = connected();
    std::string sent(1'000'000, 'x');
    iovec piece{sent.data(), sent.size()};
    ssize_t at_once = pair.client.try_write({&piece, 1});
    EXPECT_EQ(at_once, 64 * 1024);
    EXPECT_EQ(pair.client.try_write({&piece, 1}), -EAGAIN);
    EXPECT_EQ(network.counts().bytes, 64u * 1024);
    internal::Joined joined([&] {
      EXPECT_TRUE(pair.client.write(sent));
      EXPECT_TRUE(pair.client.close_write());
    });
    EXPECT_EQ(read_all(pair.server).size(), sent.size() + size_t(at_once));
  });
}

TEST(SimulatedNetwork, AcceptsAllThatWait) {
  on_network([](SimulatedNetwork&) {
    Result<Listener> listener = Listener::listen("10.0.0.2:80");
    ASSERT_TRUE(listener);
    std::vector<Conn> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(*Dialer().dial({}, "10.0.0.2:80"));
    std::set<std::string> dialled, accepted;
    for (Conn& client : clients) {
      dialled.insert(client.local_address().to_string());
      accepted.insert(listener->accept()->remote_address().to_string());
    }
    EXPECT_EQ(accepted.size(), 100u);
    EXPECT_EQ(accepted, dialled);
    auto [context, cancel] = with_timeout({}, 1ms);
    EXPECT_TRUE(is(listener->accept(context).error(), context_deadline_exceeded));
  });
}

TEST(SimulatedNetwork, EndsWaitsAtDeadlinesAndWithContexts) {
  on_network([](SimulatedNetwork&) {
    Pair pair = connected();
    char piece[16];
    pair.server.set_read_deadline(now() + 1ms);
    EXPECT_EQ(pair.server.read(piece).error().code(), Code::deadline_exceeded);
    pair.server.set_read_deadline(Instant::max());
    std::string much(1'000'000, 'x');
    pair.client.set_write_deadline(now() + 1ms);
    EXPECT_EQ(pair.client.write(much).error().code(), Code::deadline_exceeded);
    auto [context, cancel] = with_timeout({}, 1ms);
    EXPECT_TRUE(is(pair.client.read(context, piece).error(), context_deadline_exceeded));
    internal::Joined joined([&] { pair.client.interrupt(); });
    EXPECT_EQ(pair.client.read(piece).error().code(), Code::cancelled);
  });
}

TEST(SimulatedNetwork, ResolvesItsOwnNamesOnly) {
  on_network([](SimulatedNetwork& network) {
    network.name("ledger", "10.0.0.2");
    Result<Listener> listener = Listener::listen("10.0.0.2:80");
    Result<Conn> conn = Dialer().dial({}, "ledger:80");
    ASSERT_TRUE(conn) << conn.error().to_string();
    EXPECT_EQ(conn->remote_address().to_string(), "10.0.0.2:80");
    EXPECT_EQ(resolve("localhost", 1)->front().to_string(), "127.0.0.1:1");
    EXPECT_EQ(Dialer().dial({}, "example.org:80").error().code(), Code::not_found);
  });
}

TEST(SimulatedNetwork, LetsTheDialerTryAllAddressesOfAName) {
  on_network([](SimulatedNetwork& network) {
    network.name("both", "fd00::2");
    network.name("both", "10.0.0.2");
    Result<Listener> listener = Listener::listen("10.0.0.2:80");
    Dialer dialer({.attempt_delay = 1h});  // the first is refused
    Result<Conn> conn = dialer.dial({}, "both:80");
    ASSERT_TRUE(conn) << conn.error().to_string();
    EXPECT_EQ(conn->remote_address().host(), "10.0.0.2");
  });
}

// Sockets that outlive it are dead, and who waits on one is told.
TEST(SimulatedNetwork, LeavesDeadDescriptors) {
  on_runtime([] {
    auto network = std::make_unique<SimulatedNetwork>();
    Result<Listener> listener = Listener::listen("10.0.0.2:80");
    Result<Conn> client = Dialer().dial({}, "10.0.0.2:80");
    Result<Conn> server = listener->accept();
    EXPECT_TRUE(client->write("never read"));
    {
      internal::Joined joined([&] {
        char piece[16];
        EXPECT_EQ(errno_of(client->read(piece).error()), EBADF);
      });
      yield();
      network.reset();
    }
    EXPECT_EQ(errno_of(client->write("x").error()), EBADF);
    EXPECT_EQ(errno_of(listener->accept().error()), EBADF);
    SimulatedNetwork next;
    EXPECT_FALSE(server->write("x"));
    EXPECT_TRUE(Listener::listen("10.0.0.2:80"));
  });
}

}  // namespace
}  // namespace sluice::net
