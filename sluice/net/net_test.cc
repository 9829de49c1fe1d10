// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/net/buffered.h"
#include "sluice/net/conn.h"
#include "sluice/net/dialer.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;

template <class Body>
void on_runtime(Body body) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on(std::move(body));
}

struct Pair {
  Conn client;
  Conn server;
};

Pair connected(const std::string& address = "127.0.0.1:0") {
  Result<Listener> listener = Listener::listen(address);
  EXPECT_TRUE(listener) << listener.error().to_string();
  Result<Conn> client = Dialer().dial({}, listener->address().to_string());
  EXPECT_TRUE(client) << client.error().to_string();
  Result<Conn> server = listener->accept();
  EXPECT_TRUE(server);
  return {std::move(*client), std::move(*server)};
}

std::string read_some(Conn& conn) {
  char piece[4096];
  Result<size_t> got = conn.read(piece);
  return got ? std::string(piece, *got) : "error: " + got.error().to_string();
}

TEST(Conn, CarriesBytesBothWays) {
  on_runtime([] {
    for (const char* address : {"127.0.0.1:0", "unix:@sluice-net-test-carries"}) {
      Pair pair = connected(address);
      EXPECT_TRUE(pair.client.write("ping"));
      EXPECT_EQ(read_some(pair.server), "ping");
      iovec pieces[3] = {{(void*)"po", 2}, {nullptr, 0}, {(void*)"ng", 2}};
      EXPECT_TRUE(pair.server.writev(pieces));
      EXPECT_EQ(read_some(pair.client), "pong");
    }
  });
}

TEST(Conn, KnowsBothItsAddresses) {
  on_runtime([] {
    Pair pair = connected();
    EXPECT_EQ(pair.client.local_address(), pair.server.remote_address());
    EXPECT_EQ(pair.server.local_address(), pair.client.remote_address());
    EXPECT_NE(pair.client.local_address().port(), 0);
  });
}

TEST(Conn, WritesMoreThanTheKernelTakesAtOnce) {
  on_runtime([] {
    Pair pair = connected();
    std::string sent(20'000'000, 'x');
    go([&] {
      EXPECT_TRUE(pair.client.write(sent));
      EXPECT_TRUE(pair.client.close_write());
    });
    size_t received = 0;
    std::vector<char> piece(100'000);
    for (;;) {
      Result<size_t> got = pair.server.read(piece);
      ASSERT_TRUE(got);
      if (*got == 0) break;
      received += *got;
    }
    EXPECT_EQ(received, sent.size());
  });
}

TEST(Conn, StillSendsWhenThePeerHasShutDownItsDirection) {
  on_runtime([] {
    Pair pair = connected();
    EXPECT_FALSE(pair.server.peer_closed());
    EXPECT_TRUE(pair.client.write("last"));
    EXPECT_TRUE(pair.client.close_write());
    EXPECT_EQ(read_some(pair.server), "last");
    EXPECT_EQ(read_some(pair.server), "");
    EXPECT_TRUE(pair.server.peer_closed());
    EXPECT_TRUE(pair.server.write("answer"));
    EXPECT_EQ(read_some(pair.client), "answer");
  });
}

TEST(Conn, ReportsAPeerThatIsGoneAsUnavailable) {
  on_runtime([] {
    Pair pair = connected();
    pair.client.close();
    Result<void> written;
    while (written) written = pair.server.write("x");
    EXPECT_EQ(written.error().code(), Code::unavailable);
  });
}

TEST(Conn, EndsWaitsAtTheDeadline) {
  on_runtime([] {
    Pair pair = connected();
    char piece[16];
    pair.server.set_read_deadline(now() + 5ms);
    EXPECT_EQ(pair.server.read(piece).error().code(), Code::deadline_exceeded);
    EXPECT_EQ(pair.server.read(piece).error().code(), Code::deadline_exceeded);
    pair.server.set_read_deadline(Instant::max());
    EXPECT_TRUE(pair.client.write("x"));
    EXPECT_EQ(read_some(pair.server), "x");

    std::string much(50'000'000, 'x');
    pair.client.set_write_deadline(now() + 5ms);
    EXPECT_EQ(pair.client.write(much).error().code(), Code::deadline_exceeded);
  });
}

TEST(Conn, EndsWaitsWithTheContext) {
  on_runtime([] {
    Pair pair = connected();
    char piece[16];
    {
      auto [context, cancel] = with_timeout({}, 5ms);
      Result<size_t> got = pair.server.read(context, piece);
      ASSERT_FALSE(got);
      EXPECT_TRUE(is(got.error(), context_deadline_exceeded));
    }
    {
      auto [context, cancel] = with_cancel({});
      Channel<Unit> about_to_read{1};
      go([&, cancel = &cancel] {
        about_to_read.receive();
        (*cancel)();
      });
      about_to_read.send({});
      Result<size_t> got = pair.server.read(context, piece);
      ASSERT_FALSE(got);
      EXPECT_TRUE(is(got.error(), context_canceled));
      EXPECT_FALSE(pair.server.write(context, "x"));
    }
    // The connection is none the worse for it.
    EXPECT_TRUE(pair.client.write("x"));
    EXPECT_EQ(read_some(pair.server), "x");
    std::string much(50'000'000, 'x');
    auto [context, cancel] = with_timeout({}, 5ms);
    EXPECT_TRUE(is(pair.client.write(context, much).error(), context_deadline_exceeded));
  });
}

TEST(Conn, InterruptsAndRecovers) {
  on_runtime([] {
    Pair pair = connected();
    go([&] { pair.server.interrupt(); });
    char piece[16];
    EXPECT_EQ(pair.server.read(piece).error().code(), Code::cancelled);
    EXPECT_EQ(pair.server.wait_readable().error().code(), Code::cancelled);
    pair.server.clear_interrupt();
    EXPECT_TRUE(pair.client.write("x"));
    EXPECT_EQ(read_some(pair.server), "x");
    pair.server.close();
    EXPECT_EQ(pair.server.read(piece).error().code(), Code::failed_precondition);
    EXPECT_EQ(read_some(pair.client), "");
  });
}

TEST(DropBytes, StepsOverWhatWasSent) {
  char text[] = "abcdef";
  iovec pieces[3] = {{text, 2}, {text + 2, 3}, {text + 5, 1}};
  std::span<iovec> left = drop_bytes(pieces, 0);
  EXPECT_EQ(left.size(), 3u);
  left = drop_bytes(left, 3);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].iov_base, text + 3);
  EXPECT_EQ(left[0].iov_len, 2u);
  EXPECT_TRUE(drop_bytes(left, 3).empty());
}

TEST(Listener, ReplacesADeadUnixSocketButNotALiveOne) {
  on_runtime([] {
    std::string path = testing::TempDir() + "sluice-net-test.sock";
    std::filesystem::remove(path);
    std::string address = "unix:" + path;
    {
      Result<Listener> live = Listener::listen(address);
      ASSERT_TRUE(live) << live.error().to_string();
      Result<Listener> second = Listener::listen(address);
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().code(), Code::already_exists);
      EXPECT_TRUE(Dialer().dial({}, address));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(Dialer().dial({}, address).error().code(), Code::unavailable);
  });
}

TEST(Listener, ReportsATakenPort) {
  on_runtime([] {
    Result<Listener> first = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(first);
    EXPECT_EQ(Listener::listen(first->address()).error().code(), Code::already_exists);
  });
}

TEST(Listener, EndsAcceptingWithItsContext) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    auto [context, cancel] = with_timeout({}, 5ms);
    EXPECT_TRUE(is(listener->accept(context).error(), context_deadline_exceeded));
    Result<Conn> client = Dialer().dial({}, listener->address().to_string());
    ASSERT_TRUE(client);
    EXPECT_TRUE(listener->accept(Context::background()));
  });
}

// Out of descriptors: the connection waits, and is accepted when there is one again.
TEST(Listener, OutlastsAShortageOfDescriptors) {
  on_runtime([] {
    Result<Listener> listener = Listener::listen("127.0.0.1:0");
    ASSERT_TRUE(listener);
    Result<Conn> client = Dialer().dial({}, listener->address().to_string());
    ASSERT_TRUE(client);
    rlimit before;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    int probe = ::dup(0);
    rlimit tight{rlim_t(probe), before.rlim_max};  // not one more than are open
    ::close(probe);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    auto [context, cancel] = with_timeout({}, 30ms);
    Result<Conn> conn = listener->accept(context);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(conn);
    EXPECT_TRUE(is(conn.error(), context_deadline_exceeded));
    EXPECT_TRUE(listener->accept());
  });
}

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

TEST(Dialer, ResolvesNamesWithoutBlockingOthers) {
  on_runtime([] {
    Result<std::vector<Address>> addresses = resolve("localhost", 80);
    ASSERT_TRUE(addresses) << addresses.error().to_string();
    EXPECT_TRUE(addresses->front().is_loopback());
    EXPECT_EQ(addresses->front().port(), 80);
  });
}

TEST(Buffered, ReadsLinesAndRecords) {
  on_runtime([] {
    Pair pair = connected();
    go([&] {
      BufferedWriter writer(pair.client, 16);
      for (const char* text : {"one\r\n", "two\n", "\n", "12345678901234567890", "1234\nlast"})
        EXPECT_TRUE(writer.write(text));
      EXPECT_TRUE(writer.flush());
      EXPECT_TRUE(pair.client.close_write());
    });
    BufferedReader reader(pair.server, 16);
    EXPECT_EQ(*reader.read_line(), "one");
    EXPECT_EQ(*reader.read_line(), "two");
    EXPECT_EQ(*reader.read_line(), "");
    char record[4];
    ASSERT_TRUE(reader.read_exactly(record));
    EXPECT_EQ(std::string_view(record, 4), "1234");
    EXPECT_EQ(*reader.read_line(), "56789012345678901234");
    EXPECT_EQ(*reader.read_line(), "last");
    EXPECT_EQ(reader.read_line().error().code(), Code::out_of_range);
    EXPECT_EQ(*reader.read_until('x'), "");
    EXPECT_EQ(reader.read_exactly(record).error().code(), Code::unavailable);
  });
}

TEST(Buffered, BoundsALine) {
  on_runtime([] {
    Pair pair = connected();
    EXPECT_TRUE(pair.client.write(std::string(1000, 'x') + "\n"));
    BufferedReader reader(pair.server);
    EXPECT_EQ(reader.read_line(999).error().code(), Code::resource_exhausted);
    EXPECT_EQ(reader.read_line(1001)->size(), 1000u);
  });
}

}  // namespace
}  // namespace sluice::net
