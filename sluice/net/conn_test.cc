// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/conn.h"

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/net/internal/test_pair.h"
#include "sluice/runtime/go.h"

namespace sluice::net {
namespace {

using namespace std::chrono_literals;
using internal::connected;
using internal::on_runtime;
using internal::Pair;
using internal::read_some;

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
    internal::Joined joined([&] {
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
      internal::Joined joined([&, cancel = &cancel] {
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

// Reader and writer may be two goroutines: the end of one's context is nothing to the other.
TEST(Conn, EndsOneDirectionsWaitsOnly) {
  Runtime runtime{{.max_procs = 1}};  // after a yield the writer waits for the peer
  runtime.block_on([] {
    Pair pair = connected();
    std::string much(20'000'000, 'x');
    internal::Joined writer([&] {
      EXPECT_TRUE(pair.client.write(much));
      EXPECT_TRUE(pair.client.close_write());
    });
    yield();
    char piece[64];
    for (int i = 0; i < 3; ++i) {
      auto [context, cancel] = with_timeout({}, 1ms);
      EXPECT_TRUE(is(pair.client.read(context, piece).error(), context_deadline_exceeded));
    }
    pair.client.set_read_deadline(now() + 1ms);
    EXPECT_EQ(pair.client.read(Context(), piece).error().code(), Code::deadline_exceeded);
    std::vector<char> room(100'000);
    size_t received = 0;
    for (Result<size_t> got = 1; got && *got > 0; received += got.value_or(0))
      got = pair.server.read(room);
    EXPECT_EQ(received, much.size());
  });
}

// The deadline that was set before the context ended, or meanwhile, holds afterwards.
TEST(Conn, KeepsItsDeadlineWhenAContextEnds) {
  on_runtime([] {
    Pair pair = connected();
    char piece[16];
    pair.server.set_read_deadline(now() + 20ms);
    auto [context, cancel] = with_timeout({}, 1ms);
    EXPECT_TRUE(is(pair.server.read(context, piece).error(), context_deadline_exceeded));
    EXPECT_EQ(pair.server.read(piece).error().code(), Code::deadline_exceeded);
    EXPECT_FALSE(is(pair.server.read(piece).error(), context_deadline_exceeded));
  });
}

TEST(Conn, AsksTheKernelToNoticeAVanishedPeer) {
  on_runtime([] {
    Pair pair = connected();
    for (const Conn* conn : {&pair.client, &pair.server}) {
      int on = 0;
      socklen_t size = sizeof(on);
      ASSERT_EQ(::getsockopt(conn->fd(), SOL_SOCKET, SO_KEEPALIVE, &on, &size), 0);
      EXPECT_NE(on, 0);
    }
  });
}

TEST(Conn, InterruptsAndRecovers) {
  on_runtime([] {
    Pair pair = connected();
    internal::Joined joined([&] { pair.server.interrupt(); });
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

}  // namespace
}  // namespace sluice::net
