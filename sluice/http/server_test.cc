// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/server.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "sluice/http/error.h"
#include "sluice/http/internal/test_peer.h"

namespace sluice::http {
namespace {

using internal::body_of;
using internal::on_runtime;
using internal::RawPeer;
using internal::status_line;
using internal::TestServer;

constexpr std::string_view simple_get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

Result<void> hello(Request&, ResponseWriter& response) { return response.write("hello"); }

Result<void> echo(Request& request, ResponseWriter& response) {
  std::string body = SLUICE_TRY(request.read_all());
  return response.write(body);
}

TEST(Server, AnswersARequest) {
  on_runtime([] {
    TestServer server(hello);
    RawPeer peer(server);
    peer.send(simple_get);
    std::string response = peer.read_response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 200 OK");
    EXPECT_NE(response.find("\r\nDate: "), std::string::npos);
    EXPECT_NE(response.find("\r\nContent-Length: 5\r\n"), std::string::npos);
    EXPECT_EQ(body_of(response), "hello");
  });
}

TEST(Server, KeepsTheConnection) {
  on_runtime([] {
    TestServer server(hello);
    RawPeer peer(server);
    for (int i = 0; i < 5; ++i) {
      peer.send(simple_get);
      EXPECT_EQ(body_of(peer.read_response()), "hello");
    }
    EXPECT_EQ(server.stats().connections_accepted, 1u);
    EXPECT_EQ(server.stats().requests, 5u);
  });
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) {
      return response.write(std::string(request.target()));
    });
    RawPeer peer(server);
    std::string burst;
    for (int i = 0; i < 3000; ++i)
      burst += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    internal::Joined joined([&] { peer.send(burst); });
    for (int i = 0; i < 3000; ++i)
      ASSERT_EQ(body_of(peer.read_response()), "/" + std::to_string(i));
  });
}

// The first answer must not wait for the second handler, nor be lost when that fails.
TEST(Server, SendsAResponseBeforeThePipelinedHandlerRuns) {
  on_runtime([] {
    Channel<Unit> proceed{1};
    TestServer server([=](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() == "/wait") proceed.receive();
      if (request.path() == "/fail") {
        SLUICE_TRY(response.write(std::string(20'000, 'x')));
        return Error(Code::internal, "too late for a 500");
      }
      return response.write(std::string(request.path()));
    });
    RawPeer waiting(server);
    waiting.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(body_of(waiting.read_response()), "/1");
    proceed.send({});
    EXPECT_EQ(body_of(waiting.read_response()), "/wait");

    RawPeer failing(server);
    failing.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /fail HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(body_of(failing.read_response()), "/1");
    EXPECT_FALSE(failing.read_to_end().ends_with("0\r\n\r\n"));
  });
}

TEST(Server, TakesARequestByteByByte) {
  on_runtime([] {
    TestServer server(echo);
    RawPeer peer(server);
    for (char c : std::string("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                              "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\ndef\r\n0\r\n\r\n"))
      peer.send({&c, 1});
    EXPECT_EQ(body_of(peer.read_response()), "abc");
    EXPECT_EQ(body_of(peer.read_response()), "def");
  });
}

TEST(Server, StreamsLargeBodiesBothWays) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      char piece[10'000];
      for (;;) {
        size_t got = SLUICE_TRY(request.read(piece));
        if (got == 0) return {};
        SLUICE_TRY(response.write({piece, got}));
      }
    });
    RawPeer peer(server);
    std::string body;
    for (int i = 0; i < 400'000; ++i) body += std::to_string(i % 10);
    internal::Joined joined([&] {
      peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    });
    std::string head = peer.read_until("\r\n\r\n");
    EXPECT_NE(head.find("Transfer-Encoding: chunked"), std::string::npos);
    std::string back;
    for (;;) {
      size_t size = std::stoul(peer.read_until("\r\n"), nullptr, 16);
      while (peer.pending.size() < size + 2) {
        char piece[4096];
        Result<size_t> got = peer.conn.read(piece);
        ASSERT_TRUE(got && *got > 0);
        peer.pending.append(piece, *got);
      }
      back += peer.pending.substr(0, size);
      peer.pending.erase(0, size + 2);
      if (size == 0) break;
    }
    EXPECT_EQ(back, body);
  });
}

TEST(Server, SendsTrailersAfterAStreamedBody) {
  on_runtime([] {
    TestServer server([](Request&, ResponseWriter& response) -> Result<void> {
      SLUICE_TRY(response.write("a"));
      SLUICE_TRY(response.flush());
      response.trailers().add("X-Sum", "97");
      return {};
    });
    RawPeer peer(server);
    peer.send(simple_get);
    peer.read_until("\r\n\r\n");
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "1\r\na\r\n0\r\nX-Sum: 97\r\n\r\n");
  });
}

TEST(Server, SpeaksHttp10) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      SLUICE_TRY(response.write("abc"));
      return request.path() == "/stream" ? response.flush() : Result<void>();
    });
    RawPeer closing(server);
    closing.send("GET / HTTP/1.0\r\n\r\n");
    std::string response = closing.read_to_end();
    EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
    EXPECT_EQ(body_of(response), "abc");

    RawPeer keeping(server);
    keeping.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_NE(keeping.read_response().find("Connection: keep-alive\r\n"), std::string::npos);
    keeping.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    response = keeping.read_to_end();
    EXPECT_EQ(response.find("chunked"), std::string::npos);
    EXPECT_EQ(body_of(response), "abc");
  });
}

TEST(Server, SendsNoBodyWhereNoneBelongs) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() == "/204") {
        response.set_status(204);
        Result<void> written = response.write("x");
        EXPECT_FALSE(written);
        return {};
      }
      return response.write("hello");
    });
    RawPeer peer(server);
    peer.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
    std::string head = peer.read_until("\r\n\r\n");
    EXPECT_NE(head.find("Content-Length: 5"), std::string::npos);
    head = peer.read_until("\r\n\r\n");
    EXPECT_EQ(status_line(head), "HTTP/1.1 204 No Content");
    EXPECT_EQ(head.find("Content-Length"), std::string::npos);
    EXPECT_EQ(head.find("Transfer-Encoding"), std::string::npos);
    peer.send(simple_get);
    EXPECT_EQ(body_of(peer.read_response()), "hello");
  });
}

TEST(Server, AsksForABodyOnlyWhenItIsRead) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() == "/no") return response.text(403, "no");
      return echo(request, response);
    });
    RawPeer peer(server);
    peer.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("abc");
    EXPECT_EQ(body_of(peer.read_response()), "abc");

    peer.send("POST /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    std::string response = peer.read_response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 403 Forbidden");
    EXPECT_NE(response.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(peer.at_end());
  });
}

TEST(Server, DropsTheBodyThatTheHandlerLeft) {
  on_runtime([] {
    TestServer server(hello, {.discard_bytes_max = 1000});
    RawPeer peer(server);
    peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" +
              std::string(1000, 'x') + std::string(simple_get));
    EXPECT_EQ(body_of(peer.read_response()), "hello");
    EXPECT_EQ(body_of(peer.read_response()), "hello");

    peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" +
              std::string(1001, 'x'));
    EXPECT_NE(peer.read_response().find("Connection: close"), std::string::npos);
    EXPECT_TRUE(peer.at_end());
  });
}

TEST(Server, TurnsErrorsIntoTheirCodesStatus) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      response.headers().add("X-Dropped", "yes");
      if (request.path() == "/missing") return Error(Code::not_found, "no \"such\" payment");
      if (request.path() == "/secret") return Error(Code::internal, "password is 123");
      return Error(Code::failed_precondition, "replayed").with(StatusDetail{409});
    });
    RawPeer peer(server);
    peer.send("GET /missing HTTP/1.1\r\nHost: h\r\n\r\n");
    std::string response = peer.read_response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 404 Not Found");
    EXPECT_EQ(response.find("X-Dropped"), std::string::npos);
    EXPECT_EQ(body_of(response),
              "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no \\\"such\\\" payment\"}}\n");
    peer.send("GET /secret HTTP/1.1\r\nHost: h\r\n\r\n");
    response = peer.read_response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 500 Internal Server Error");
    EXPECT_EQ(response.find("123"), std::string::npos);
    peer.send("GET /conflict HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(status_line(peer.read_response()), "HTTP/1.1 409 Conflict");
  });
}

TEST(Server, TurnsAnExceptionInto500AndCloses) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() == "/late") {
        SLUICE_TRY(response.write("partial"));
        SLUICE_TRY(response.flush());
      }
      throw std::runtime_error("user's bug");
    });
    RawPeer peer(server);
    peer.send(simple_get);
    std::string response = peer.read_response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 500 Internal Server Error");
    EXPECT_NE(response.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(peer.at_end());

    RawPeer late(server);
    late.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    std::string cut = late.read_to_end();
    EXPECT_TRUE(cut.ends_with("7\r\npartial\r\n")) << cut;  // no last chunk: the client notices
  });
}

TEST(Server, HoldsTheHandlerToItsContentLength) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      response.headers().set("Content-Length", "4");
      SLUICE_TRY(response.write("ab"));
      SLUICE_TRY(response.flush());
      if (request.path() == "/exact") return response.write("cd");
      if (request.path() == "/long") return response.write("cde");
      return {};
    });
    RawPeer peer(server);
    peer.send("GET /exact HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(body_of(peer.read_response()), "abcd");
    peer.send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(body_of(peer.read_to_end()), "ab");
    RawPeer other(server);
    other.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(body_of(other.read_to_end()), "ab");
  });
}

TEST(Server, ServesUnixSocketsAndIpv6) {
  on_runtime([] {
    for (std::string address : {"unix:@sluice-http-test", "[::1]:0"}) {
      Result<net::Listener> listener = net::Listener::listen(address);
      if (!listener && address.front() == '[') continue;  // a machine without IPv6
      ASSERT_TRUE(listener) << listener.error().to_string();
      address = listener->address().to_string();
      auto [context, cancel] = with_cancel(Context::background());
      Channel<Unit> ended{1};
      Server server{hello};
      go([&, context = context] {
        EXPECT_TRUE(server.serve(context, std::move(*listener)));
        ended.send({});
      });
      {
        RawPeer peer(address);
        peer.send(simple_get);
        EXPECT_EQ(body_of(peer.read_response()), "hello");
      }
      cancel();
      ended.receive();
    }
  });
}

}  // namespace
}  // namespace sluice::http
