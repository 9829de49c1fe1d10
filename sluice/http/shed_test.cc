// SPDX-License-Identifier: Apache-2.0

// What a server does when memory is short.

#include <algorithm>
#include <atomic>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/http/internal/test_log.h"
#include "sluice/http/internal/test_peer.h"
#include "sluice/http/server.h"
#include "sluice/runtime/memory.h"

namespace sluice::http {
namespace {

using internal::body_of;
using internal::CapturedLog;
using internal::Joined;
using internal::RawPeer;
using internal::status_line;
using internal::TestServer;
using testing::HasSubstr;

void hello(Request&, ResponseWriter& response) { static_cast<void>(response.text(200, "hello")); }

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

// A runtime that has always used more than its limit.
template <class Body>
void when_memory_is_short(Body body) {
  Runtime runtime{{.max_procs = 2, .memory_limit_bytes = 1 << 20}};
  ASSERT_EQ(memory_pressure(), MemoryPressure::critical);
  runtime.block_on(std::move(body));
}

TEST(Shedding, AnswersWith503RetryAfterAndTheEnd) {
  when_memory_is_short([] {
    std::atomic<int> handled{0};
    TestServer server([&](Request&, ResponseWriter&) { ++handled; },
                      {.shed_retry_after = std::chrono::milliseconds(1500)});
    uint64_t before = memory_stats().requests_shed;
    RawPeer peer(server);
    peer.send(get("/v1/payments"));
    std::string response = peer.read_response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 503 Service Unavailable");
    EXPECT_THAT(response, HasSubstr("\r\nRetry-After: 2\r\n"));
    EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_EQ(body_of(response),
              "{\"error\":{\"code\":\"RESOURCE_EXHAUSTED\","
              "\"message\":\"memory is short, try again later\"}}\n");
    EXPECT_TRUE(peer.at_end());
    EXPECT_EQ(handled, 0);
    EXPECT_EQ(server.stats().requests_shed, 1u);
    EXPECT_EQ(server.stats().requests_refused, 0u);
    EXPECT_EQ(memory_stats().requests_shed, before + 1);
  });
}

TEST(Shedding, ServesWhoAsksWhetherTheProcessLives) {
  when_memory_is_short([] {
    TestServer server(hello);
    RawPeer peer(server);
    for (const char* path : {"/healthz", "/livez", "/metrics", "/debug/pprof/goroutine", "/debug/",
                             "/healthz?verbose=1"}) {
      peer.send(get(path));
      EXPECT_EQ(body_of(peer.read_response()), "hello") << path;
    }
    for (const char* path : {"/healthz/", "/healthzz", "/debug", "/readyz", "/"}) {
      RawPeer other(server);
      other.send(get(path));
      EXPECT_THAT(other.read_response(), HasSubstr(" 503 ")) << path;
    }
  });
}

TEST(Shedding, ExemptsWhatItsOptionsSay) {
  when_memory_is_short([] {
    TestServer server(hello, {.shed_exempt = {"/cheap/"}});
    RawPeer peer(server);
    peer.send(get("/cheap/thing"));
    EXPECT_EQ(body_of(peer.read_response()), "hello");
    peer.send(get("/healthz"));
    EXPECT_THAT(peer.read_response(), HasSubstr(" 503 "));
  });
}

TEST(Shedding, CanBeSwitchedOff) {
  when_memory_is_short([] {
    TestServer server(hello, {.shed_under_memory_pressure = false});
    RawPeer peer(server);
    peer.send(get("/"));
    EXPECT_EQ(body_of(peer.read_response()), "hello");
  });
}

// A body that nobody reads must not make the kernel reset the connection: the client would lose the
// answer.
TEST(Shedding, OfAnUploadStillReachesTheClient) {
  when_memory_is_short([] {
    TestServer server(hello);
    RawPeer peer(server);
    std::string body(100'000, 'x');
    peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + body);
    EXPECT_THAT(peer.read_response(), HasSubstr(" 503 "));
    RawPeer waiting(server);
    waiting.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_THAT(waiting.read_response(), HasSubstr(" 503 "));
  });
}

TEST(Shedding, IsLoggedOnceNotForEachRequest) {
  when_memory_is_short([] {
    CapturedLog log;
    TestServer server(hello);
    for (int i = 0; i < 20; ++i) {
      RawPeer peer(server);
      peer.send(get("/"));
      peer.read_response();
    }
    std::vector<std::string> lines = log.take();
    EXPECT_GE(lines.size(), 1u);
    EXPECT_LT(lines.size(), 20u);
    EXPECT_THAT(lines.at(0), HasSubstr("memory is short, requests are answered 503"));
    EXPECT_THAT(lines.at(0), HasSubstr("limit_bytes=1048576"));
  });
}

}  // namespace
}  // namespace sluice::http
