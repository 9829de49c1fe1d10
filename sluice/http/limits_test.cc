// SPDX-License-Identifier: Apache-2.0

// What a server does with clients that are malformed, oversized or slow: the status, one log line,
// and the end of the connection.

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/select.h"
#include "sluice/http/internal/test_log.h"
#include "sluice/http/internal/test_peer.h"
#include "sluice/http/server.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using internal::body_of;
using internal::CapturedLog;
using internal::on_runtime;
using internal::RawPeer;
using internal::status_line;
using internal::TestServer;

Result<void> echo(Request& request, ResponseWriter& response) {
  std::string body = SLUICE_TRY(request.read_all(1 << 20));
  return response.write(body);
}

struct Case {
  const char* name;
  std::string text;
  int status;
};

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

// Each is followed by a request that would be smuggled in if the server went on.
TEST(ServerLimits, RefuseWithTheirStatusALogLineAndTheEnd) {
  on_runtime([] {
    CapturedLog log;
    TestServer server(echo, {.target_bytes_max = 100,
                             .header_bytes_max = 2000,
                             .header_fields_max = 10,
                             .body_bytes_max = 1000});
    std::string many;
    for (int i = 0; i < 10; ++i) many += "A: b\r\n";
    for (const Case& c : std::vector<Case>{
             {"garbage", "\x16\x03\x01\x02", 400},
             {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400},
             {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
             {"space before colon", post("Content-Length : 3\r\n", "abc"), 400},
             {"folding", post("A: b\r\n c\r\n"), 400},
             {"CL beside TE",
              post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
             {"two CLs", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
             {"TE identity", post("Transfer-Encoding: identity\r\n"), 501},
             {"TE gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
             {"HTTP/3.0", "GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
             {"long target", "GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
             {"long header", post("A: " + std::string(2000, 'a') + "\r\n"), 431},
             {"many fields", post(many), 431},
             {"announced too much", post("Content-Length: 1001\r\n"), 413},
             {"sent too much",
              post("Transfer-Encoding: chunked\r\n",
                   "3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n"),
              413},
             {"bad chunk", post("Transfer-Encoding: chunked\r\n", "x\r\n\r\n"), 400},
             {"bad chunk end", post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"), 400},
             {"bad trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nHost: x\r\n\r\n"), 400},
             {"unknown expectation", post("Expect: more\r\n"), 417},
             {"CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501}}) {
      RawPeer peer(server);
      peer.send(c.text + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
      std::string response = peer.read_response();
      EXPECT_TRUE(response.starts_with("HTTP/1.1 " + std::to_string(c.status) + " "))
          << c.name << ": " << response;
      EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos) << c.name;
      EXPECT_TRUE(peer.at_end()) << c.name;
      std::vector<std::string> lines = log.take();
      ASSERT_EQ(lines.size(), 1u) << c.name;
      EXPECT_NE(lines[0].find("status=" + std::to_string(c.status)), std::string::npos) << lines[0];
    }
    EXPECT_EQ(server.stats().requests_refused, 20u);
  });
}

// A handler's own bound is a body too large like the server's: 413 and a log line, not 429.
TEST(ServerLimits, RefuseABodyBeyondTheHandlersBound) {
  on_runtime([] {
    CapturedLog log;
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      return response.write(SLUICE_TRY(request.read_all(10)));
    });
    for (const std::string& text :
         {post("Content-Length: 11\r\n", "01234567890"),
          post("Transfer-Encoding: chunked\r\n", "b\r\n01234567890\r\n0\r\n\r\n")}) {
      RawPeer peer(server);
      peer.send(text);
      EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 413 Content Too Large");
      std::vector<std::string> lines = log.take();
      ASSERT_EQ(lines.size(), 1u);
      EXPECT_NE(lines[0].find("status=413"), std::string::npos) << lines[0];
    }
    EXPECT_EQ(server.stats().requests_refused, 2u);
  });
}

TEST(ServerLimits, EndASlowHead) {
  on_runtime([] {
    CapturedLog log;
    TestServer server(echo, {.header_timeout = 30ms});
    RawPeer peer(server);
    peer.send("GET / HT");
    EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 408 Request Timeout");
    EXPECT_TRUE(peer.at_end());
    EXPECT_EQ(log.take().size(), 1u);
  });
}

// The limit is on the whole head: sending a byte now and then does not renew it.
TEST(ServerLimits, EndASlowlorisThatKeepsSending) {
  on_runtime([] {
    TestServer server(echo, {.header_timeout = 100ms});
    RawPeer peer(server);
    peer.send("GET / HTTP/1.1\r\n");
    Channel<Unit> refused{1}, ended{1};
    go([&] {
      bool over = false;
      while (!over && peer.send("X: y\r\n"))
        select(on_receive(refused, [&] { over = true; }), on_timeout(2ms, [] {}));
      ended.send({});
    });
    std::string response = peer.read_response();
    // Either the time or the number of fields ends it, never the patience of the client.
    EXPECT_TRUE(response.starts_with("HTTP/1.1 408") || response.starts_with("HTTP/1.1 431"))
        << response;
    refused.send({});
    ended.receive();
  });
}

TEST(ServerLimits, EndASlowBody) {
  on_runtime([] {
    TestServer server(echo, {.body_timeout = 30ms});
    for (const char* text :
         {"Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5"}) {
      RawPeer peer(server);
      peer.send("POST / HTTP/1.1\r\nHost: h\r\n" + std::string(text));
      EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 408 Request Timeout");
      EXPECT_TRUE(peer.at_end());
    }
  });
}

// Progress renews the body's limit only as far as the pace allows.
TEST(ServerLimits, EndABodyThatTrickles) {
  on_runtime([] {
    TestServer server(echo, {.body_timeout = 50ms, .bytes_per_second_min = 1'000'000});
    RawPeer peer(server);
    peer.send(post("Content-Length: 100000\r\n"));
    Channel<Unit> refused{1};
    internal::Joined trickle([&] {
      bool over = false;
      while (!over && peer.send("x"))
        select(on_receive(refused, [&] { over = true; }), on_timeout(1ms, [] {}));
    });
    EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 408 Request Timeout");
    refused.send({});
  });
}

// A handler that takes its time does not count against the client.
TEST(ServerLimits, TakeAFastBodyThoughTheHandlerIsSlow) {
  on_runtime([] {
    TestServer server(
        [](Request& request, ResponseWriter& response) -> Result<void> {
          std::string body;
          char piece[2];
          while (size_t got = SLUICE_TRY(request.read(piece))) {
            body.append(piece, got);
            select(on_timeout(20ms, [] {}));  // longer than body_timeout in all
          }
          return response.write(body);
        },
        {.body_timeout = 50ms, .bytes_per_second_min = 1'000'000});
    RawPeer peer(server);
    peer.send(post("Content-Length: 10\r\n", "0123456789"));
    EXPECT_EQ(body_of(peer.read_response()), "0123456789");
  });
}

TEST(ServerLimits, SwitchOffByTheLargestDuration) {
  on_runtime([] {
    TestServer server(echo, {.header_timeout = Duration::max(),
                             .body_timeout = Duration::max(),
                             .write_timeout = Duration::max(),
                             .idle_timeout = Duration::max(),
                             .drain_timeout = Duration::max()});
    RawPeer peer(server);
    std::string text = post("Content-Length: 3\r\n", "abc");
    for (int i = 0; i < 2; ++i) {
      for (char c : text) peer.send({&c, 1});
      EXPECT_EQ(body_of(peer.read_response()), "abc");
    }
  });
}

TEST(ServerLimits, EndIdleConnectionsSilently) {
  on_runtime([] {
    CapturedLog log;
    TestServer server(echo, {.idle_timeout = 30ms});
    RawPeer fresh(server), used(server);
    used.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    used.read_response();
    EXPECT_TRUE(fresh.at_end());
    EXPECT_TRUE(used.at_end());
    EXPECT_TRUE(log.take().empty());
  });
}

// The client reads its answer though it was still sending when it was refused.
TEST(ServerLimits, LetTheRefusalArrive) {
  on_runtime([] {
    TestServer server(echo, {.body_bytes_max = 1000, .discard_bytes_max = 10'000'000});
    for (int i = 0; i < 20; ++i) {
      RawPeer peer(server);
      peer.send(post("Content-Length: 500000\r\n") + std::string(500'000, 'x'));
      EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 413 Content Too Large");
    }
  });
}

TEST(ServerLimits, SurviveEveryPrefixOfARequest) {
  on_runtime([] {
    TestServer server(echo);
    std::string text = post("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n");
    for (size_t size = 0; size <= text.size(); ++size) {
      RawPeer peer(server);
      peer.send(text.substr(0, size));
      EXPECT_TRUE(peer.conn.close_write());
      std::string response = peer.read_to_end();
      EXPECT_EQ(body_of(response), size == text.size() ? "abc" : "");
    }
  });
}

}  // namespace
}  // namespace sluice::http
