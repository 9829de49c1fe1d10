// SPDX-License-Identifier: Apache-2.0

// How connections and servers end: clients that leave, half-closed sockets, draining.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/internal/server_run.h"
#include "sluice/http/internal/test_peer.h"
#include "sluice/http/server.h"
#include "sluice/sync/wait_group.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using internal::body_of;
using internal::on_runtime;
using internal::RawPeer;
using internal::status_line;
using internal::TestServer;

constexpr std::string_view simple_get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

Result<void> hello(Request&, ResponseWriter& response) { return response.write("hello"); }

// A handler that waits for its context and tells when it is inside and why it left.
struct Waiting {
  Channel<Unit> inside{100};
  Channel<Unit> cancelled{100};

  Handler handler() {
    return [inside = inside, cancelled = cancelled](Request& request, ResponseWriter&) {
      Context context = request.context();
      inside.send({});
      context.done().receive();
      cancelled.send({});
    };
  }
};

TEST(ServerEnd, CancelsTheContextWhenTheClientGoes) {
  on_runtime([] {
    Waiting waiting;
    TestServer server(waiting.handler());
    {
      RawPeer peer(server);
      peer.send(simple_get);
      waiting.inside.receive();
    }
    waiting.cancelled.receive();
  });
}

TEST(ServerEnd, CancelsTheContextAlsoBehindPipelinedRequests) {
  on_runtime([] {
    Waiting waiting;
    TestServer server(waiting.handler());
    {
      RawPeer peer(server);
      peer.send(std::string(simple_get) + std::string(simple_get));
      waiting.inside.receive();
      peer.send(simple_get);
    }
    waiting.cancelled.receive();
  });
}

TEST(ServerEnd, CancelsTheContextWhenTheClientGoesAfterItsBody) {
  on_runtime([] {
    Channel<Unit> inside{1}, cancelled{1};
    TestServer server([=](Request& request, ResponseWriter&) -> Result<void> {
      Context context = request.context();
      SLUICE_TRY(request.read_all());
      inside.send({});
      context.done().receive();
      cancelled.send({});
      return {};
    });
    {
      RawPeer peer(server);
      peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
      inside.receive();
    }
    cancelled.receive();
  });
}

// A small body lies in the buffer; the handler is told although it does not read it.
TEST(ServerEnd, CancelsTheContextThoughTheBodyIsUnread) {
  on_runtime([] {
    Waiting waiting;
    TestServer server(waiting.handler());
    {
      RawPeer peer(server);
      peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
      waiting.inside.receive();
    }
    waiting.cancelled.receive();
  });
}

// The rest of the body is read while the watcher waits.
TEST(ServerEnd, ReadsABufferedBodyUnderTheWatchersEyes) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      Context context = request.context();
      std::string body;
      char piece[1];
      while (size_t got = SLUICE_TRY(request.read(piece))) body.append(piece, got);
      return response.write(context.cancelled() ? "cancelled" : body);
    });
    RawPeer peer(server);
    for (int i = 0; i < 100; ++i) {
      peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde");
      ASSERT_EQ(body_of(peer.read_response()), "abcde");
    }
  });
}

TEST(ServerEnd, NoticesAClientGoneMidBody) {
  on_runtime([] {
    Channel<Error> seen{1};
    TestServer server([=](Request& request, ResponseWriter&) -> Result<void> {
      Context context = request.context();
      Result<std::string> body = request.read_all();
      EXPECT_FALSE(body);
      EXPECT_TRUE(context.cancelled());
      seen.send(body.error());
      return std::move(body).error();
    });
    {
      RawPeer peer(server);
      peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    }
    EXPECT_EQ(seen.receive()->code(), Code::unavailable);
  });
}

TEST(ServerEnd, NoticesAClientThatReadsNothing) {
  on_runtime([] {
    Channel<Error> seen{1};
    TestServer server(
        [=](Request&, ResponseWriter& response) -> Result<void> {
          std::string piece(64 * 1024, 'x');
          for (;;)
            if (Result<void> written = response.write(piece); !written) {
              seen.send(written.error());
              return written;
            }
        },
        {.write_timeout = 50ms});
    RawPeer peer(server);
    peer.send(simple_get);
    EXPECT_EQ(seen.receive()->code(), Code::deadline_exceeded);
  });
}

// The pace counts for the response as well: a client that takes a little now and then.
TEST(ServerEnd, NoticesAClientThatReadsTooSlowly) {
  on_runtime([] {
    Channel<Error> seen{1};
    TestServer server(
        [=](Request&, ResponseWriter& response) -> Result<void> {
          std::string piece(64 * 1024, 'x');
          for (;;)
            if (Result<void> written = response.write(piece); !written) {
              seen.send(written.error());
              return written;
            }
        },
        {.write_timeout = 50ms, .bytes_per_second_min = 1'000'000'000'000});
    RawPeer peer(server);
    peer.send(simple_get);
    internal::Joined reader([&] {
      // So small that the server, on whatever machine, fills the socket and has to wait.
      std::vector<char> piece(64);
      for (Result<size_t> got = 1; got && *got > 0;) got = peer.conn.read(piece);
    });
    EXPECT_EQ(seen.receive()->code(), Code::deadline_exceeded);
  });
}

// A client may shut down its sending direction and still wait for its answer.
TEST(ServerEnd, AnswersAHalfClosedClientAndCloses) {
  on_runtime([] {
    TestServer server(hello);
    for (int i = 0; i < 20; ++i) {
      RawPeer peer(server);
      peer.send(simple_get);
      EXPECT_TRUE(peer.conn.close_write());
      EXPECT_EQ(body_of(peer.read_response()), "hello");
      EXPECT_TRUE(peer.at_end());
    }
  });
}

TEST(ServerEnd, ServesTheNextRequestAfterOneThatWatched) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) {
      return response.write(request.context().cancelled() ? "cancelled" : "alive");
    });
    RawPeer peer(server);
    for (int i = 0; i < 200; ++i) {
      peer.send(simple_get);
      ASSERT_EQ(body_of(peer.read_response()), "alive");
    }
    peer.send(std::string(simple_get) + std::string(simple_get));
    EXPECT_EQ(body_of(peer.read_response()), "alive");
    EXPECT_EQ(body_of(peer.read_response()), "alive");
  });
}

TEST(ServerEnd, GivesEachRequestAContextThatEndsWithIt) {
  on_runtime([] {
    Channel<Context> contexts{1};
    TestServer server([=](Request& request, ResponseWriter& response) {
      contexts.send(request.context());
      return response.write("x");
    });
    RawPeer peer(server);
    peer.send(simple_get);
    Context context = *contexts.receive();
    context.done().receive();
    EXPECT_EQ(body_of(peer.read_response()), "x");
  });
}

// What a middleware put into the context goes with the request, not with the next one that happens
// to use the same memory.
TEST(ServerEnd, LetsGoOfTheContextThatAMiddlewareSet) {
  struct Key {
    std::shared_ptr<int> value;
  };
  on_runtime([] {
    auto held = std::make_shared<int>(1);
    std::weak_ptr<int> watched = held;
    TestServer server([&](Request& request, ResponseWriter& response) {
      request.set_context(with_value<Key>(request.context(), Key{std::exchange(held, nullptr)}));
      return response.write("x");
    });
    RawPeer peer(server);
    peer.send(simple_get);
    EXPECT_EQ(body_of(peer.read_response()), "x");
    EXPECT_TRUE(watched.expired());
  });
}

TEST(ServerEnd, DrainsRunningRequestsAndClosesIdleConnections) {
  on_runtime([] {
    Channel<Unit> inside{1}, proceed{1};
    TestServer server([=](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() != "/slow") return response.write("fast");
      inside.send({});
      proceed.receive();
      EXPECT_FALSE(request.context().cancelled());
      return response.write("slow");
    });
    RawPeer idle(server), fresh(server), busy(server);
    idle.send(simple_get);
    EXPECT_EQ(body_of(idle.read_response()), "fast");
    busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    inside.receive();
    server.begin_stop();
    EXPECT_TRUE(idle.at_end());
    EXPECT_TRUE(fresh.at_end());
    proceed.send({});
    std::string response = busy.read_response();
    EXPECT_EQ(body_of(response), "slow");
    EXPECT_NE(response.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(busy.at_end());
    server.stop();
    EXPECT_EQ(server.stats().connections_open, 0u);
  });
}

// A connection counts from its acceptance on, also while its goroutine has not run yet.
TEST(ServerEnd, WaitsForConnectionsThatHaveJustBeenAccepted) {
  on_runtime([] {
    auto shared = std::make_shared<internal::ServerShared>(hello, ServerOptions{});
    internal::ServerRun run(shared, Context::background());
    run.admit();
    run.drain();
    EXPECT_FALSE(run.wait_all(0ms));
    run.left();
    EXPECT_TRUE(run.wait_all(std::nullopt));
  });
}

// A client that needs no goroutine of its own, as a dialer does: blocking calls on a plain socket.
class PlainPeer {
 public:
  explicit PlainPeer(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(uint16_t(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  PlainPeer(PlainPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  PlainPeer& operator=(PlainPeer&&) = delete;
  ~PlainPeer() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Whether a request gets an answer; false: the connection was closed without one.
  bool is_served() {
    static_cast<void>(::send(fd_, simple_get.data(), simple_get.size(), MSG_NOSIGNAL));
    char byte;
    return ::recv(fd_, &byte, 1, 0) == 1;
  }

 private:
  int fd_;
};

// Beyond what the runtime can start, connections are closed; the process and the server go on.
TEST(ServerEnd, OutlastsAShortageOfGoroutines) {
  Runtime runtime{{.max_procs = 1, .goroutines_max = 128}};
  runtime.block_on([] {
    TestServer server(hello);
    RawPeer early(server);
    early.send(simple_get);
    EXPECT_EQ(body_of(early.read_response()), "hello");

    Channel<Unit> release;
    sync::WaitGroup parked;
    std::vector<PlainPeer> served;
    for (bool refused = false; !refused;) {  // what had not quite ended may still make room
      parked.add();
      while (try_go([&] {
        release.receive();
        parked.done();
      }))
        parked.add();
      parked.done();
      PlainPeer peer(server.address());
      refused = !peer.is_served();
      if (!refused) served.push_back(std::move(peer));
    }
    early.send(simple_get);
    EXPECT_EQ(body_of(early.read_response()), "hello") << "who has a goroutine is served on";

    release.close();
    parked.wait();
    RawPeer late(server);
    late.send(simple_get);
    EXPECT_EQ(body_of(late.read_response()), "hello");
  });
}

}  // namespace
}  // namespace sluice::http
