// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/dialer.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/net/internal/test_pair.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;
using internal::on_runtime;

TEST(Dialer, SaysWhyNobodyAnswers) {
  on_runtime([] {
    Dialer dialer({.timeout = 2s});
    EXPECT_EQ(dialer.dial({}, "127.0.0.1:1").error().code(), Code::unavailable);
    EXPECT_EQ(dialer.dial({}, "127.0.0.1").error().code(), Code::invalid_argument);
    EXPECT_EQ(dialer.dial({}, "unix:/nonexistent/x.sock").error().code(), Code::unavailable);
    auto [context, cancel] = with_cancel({});
    cancel();
    EXPECT_EQ(dialer.dial(context, "127.0.0.1:1").error().code(), Code::cancelled);
  });
}

TEST(Dialer, TriesTheNextAddressWhenOneFails) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    uint16_t port = listener->address().port();
    Dialer dialer({.attempt_delay = 1h, .resolve = [](std::string_view, uint16_t port) {
                     return Result<std::vector<Address>>(
                         {Address::from_ip("127.0.0.1", 1), Address::from_ip("127.0.0.1", port)});
                   }});
    Result<Conn> conn = dialer.dial({}, "both.test:" + std::to_string(port));
    ASSERT_TRUE(conn) << conn.error().to_string();
    EXPECT_EQ(conn->remote_address().port(), port);
    EXPECT_EQ(
        dialer.dial({}, std::vector<Address>(3, Address::from_ip("127.0.0.1", 1))).error().code(),
        Code::unavailable);
  });
}

// A listener with a full backlog leaves connection attempts hanging: the next address is tried
// after attempt_delay, not after the first one's failure.
TEST(Dialer, DoesNotWaitForAnAddressThatIsSilent) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    // 192.0.2.1 is reserved for documentation (RFC 5737): nothing answers, or it fails at once.
    Dialer dialer({.timeout = 60s, .attempt_delay = 5ms});
    Result<Conn> conn = dialer.dial({}, {Address::from_ip("192.0.2.1", 81), listener->address()});
    ASSERT_TRUE(conn) << conn.error().to_string();
    EXPECT_EQ(conn->remote_address(), listener->address());
  });
}

TEST(Dialer, DialsFromItsLocalAddress) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    Dialer dialer({.local = Address::from_ip("127.0.0.7", 0)});
    Result<Conn> conn = dialer.dial({}, listener->address().to_string());
    ASSERT_TRUE(conn) << conn.error().to_string();
    EXPECT_EQ(listener->accept()->remote_address().host(), "127.0.0.7");
    // Not one that this host does not have.
    Dialer stranger({.local = Address::from_ip("192.0.2.1", 0)});
    EXPECT_FALSE(stranger.dial({}, listener->address().to_string()));
  });
}

TEST(Dialer, ResolvesNamesWithoutBlockingOthers) {
  on_runtime([] {
    Result<std::vector<Address>> addresses = resolve("localhost", 80);
    ASSERT_TRUE(addresses) << addresses.error().to_string();
    EXPECT_TRUE(addresses->front().is_loopback());
    EXPECT_EQ(addresses->front().port(), 80);
  });
}

// A name server that does not answer holds up neither the context nor the dialer's own timeout.
TEST(Dialer, BoundsTheLookUpToo) {
  on_runtime([] {
    Channel<Unit> proceed, left;
    auto stuck = [=](std::string_view, uint16_t) -> Result<std::vector<Address>> {
      proceed.receive();
      left.send({});
      return Error(Code::not_found, "too late");
    };
    auto [context, cancel] = with_timeout({}, 5ms);
    Result<Conn> conn = Dialer({.resolve = stuck}).dial(context, "slow.test:80");
    ASSERT_FALSE(conn);
    EXPECT_TRUE(is(conn.error(), context_deadline_exceeded));
    conn = Dialer({.timeout = 5ms, .resolve = stuck}).dial({}, "slow.test:80");
    ASSERT_FALSE(conn);
    EXPECT_EQ(conn.error().code(), Code::deadline_exceeded);
    for (int i = 0; i < 2; ++i) {
      proceed.send({});
      left.receive();
    }
  });
}

TEST(Dialer, AlternatesFamilies) {
  auto ip = [](const char* text) { return Address::from_ip(text, 1); };
  std::vector<Address> mixed = {ip("::1"), ip("::2"), ip("::3"), ip("1.1.1.1"), ip("2.2.2.2")};
  std::vector<Address> wanted = {ip("::1"), ip("1.1.1.1"), ip("::2"), ip("2.2.2.2"), ip("::3")};
  EXPECT_EQ(interleave_families(mixed), wanted);
  EXPECT_TRUE(interleave_families({}).empty());
}

}  // namespace
}  // namespace sluice::net
