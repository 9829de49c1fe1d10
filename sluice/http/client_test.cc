// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/client.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/internal/test_peer.h"
#include "sluice/http/router.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using internal::on_runtime;
using internal::TestServer;

Result<void> echo(Request& request, ResponseWriter& response) {
  response.headers().set("X-Method", request.method_name());
  std::string body = SLUICE_TRY(request.read_all());
  return response.write(body);
}

// A server of scripted bytes: answers the n-th connection by the n-th text once it has received
// something that ends in an empty line, then closes. "" closes without an answer.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers, bool keep_open = false) {
    Result<net::Listener> listener = net::Listener::listen("127.0.0.1:0");
    EXPECT_TRUE(listener);
    address_ = listener->address().to_string();
    go([this, keep_open, answers = std::move(answers), listener = std::move(*listener)]() mutable {
      for (const std::string& answer : answers) {
        Result<net::Conn> conn = listener.accept();
        if (!conn) break;
        std::string request;
        char piece[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
          Result<size_t> got = conn->read(piece);
          if (!got || *got == 0) break;
          request.append(piece, *got);
        }
        (void)conn->write(answer);
        if (keep_open) close_.receive();
      }
      ended_.send({});
    });
  }
  ~ScriptedServer() { ended_.receive(); }
  std::string url() const { return "http://" + address_ + "/"; }
  // Closes a connection that was kept open.
  void close() { close_.send({}); }

 private:
  std::string address_;
  Channel<Unit> ended_{1};
  Channel<Unit> close_;
};

TEST(Client, SendsAndReceives) {
  on_runtime([] {
    TestServer server(echo);
    Client client;
    Result<ClientResponse> got = client.get({}, server.url("/"));
    ASSERT_TRUE(got) << got.error().to_string();
    EXPECT_EQ(got->status(), 200);
    EXPECT_EQ(got->header("x-method"), "GET");
    EXPECT_EQ(*got->read_all(), "");
    got = client.post({}, server.url("/"), "text/plain", "hello");
    ASSERT_TRUE(got);
    EXPECT_EQ(*got->read_all(), "hello");
    EXPECT_EQ(server.stats().connections_accepted, 1u);
    EXPECT_EQ(client.idle_connections(), 1u);
  });
}

TEST(Client, StreamsAChunkedBody) {
  on_runtime([] {
    TestServer server(echo);
    Client client;
    ClientRequest request{.method = "PUT", .url = server.url("/")};
    int left = 100;
    request.body_source = [&]() -> Result<std::string> {
      return left-- > 0 ? std::string(10'000, 'x') : std::string();
    };
    Result<ClientResponse> response = client.send({}, request);
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(*response->read_all(), std::string(1'000'000, 'x'));
  });
}

TEST(Client, KeepsNoConnectionThatIsNotClean) {
  on_runtime([] {
    TestServer server([](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() == "/close") response.headers().set("Connection", "close");
      return response.write(std::string(100'000, 'x'));
    });
    Client client;
    {
      EXPECT_TRUE(client.get({}, server.url("/unread")));
    }
    EXPECT_EQ(client.idle_connections(), 0u);
    Result<ClientResponse> response = client.get({}, server.url("/close"));
    ASSERT_TRUE(response);
    EXPECT_TRUE(response->read_all());
    EXPECT_EQ(client.idle_connections(), 0u);
  });
}

TEST(Client, BoundsTheConnectionsItKeeps) {
  on_runtime([] {
    TestServer server(echo);
    Client client({.idle_per_host_max = 2});
    std::vector<ClientResponse> open;
    for (int i = 0; i < 4; ++i) {
      Result<ClientResponse> response =
          client.post({}, server.url("/"), "text/plain", std::string(10, 'x'));
      ASSERT_TRUE(response);
      open.push_back(std::move(*response));
    }
    EXPECT_EQ(server.stats().connections_accepted, 4u);
    for (ClientResponse& response : open) EXPECT_TRUE(response.read_all());
    EXPECT_EQ(client.idle_connections(), 2u);
    client.close_idle();
    EXPECT_EQ(client.idle_connections(), 0u);
  });
}

// Hosts that are not asked again must not hold descriptors for ever.
TEST(Client, ClosesConnectionsOfHostsThatAreNotAskedAgain) {
  on_runtime([] {
    TestServer first(echo), second(echo), third(echo);
    auto ask = [](Client& client, const TestServer& server) {
      Result<ClientResponse> response = client.get({}, server.url("/"));
      ASSERT_TRUE(response);
      EXPECT_TRUE(response->read_all());
    };
    Client forgetful({.idle_timeout = 0s});
    for (TestServer* server : {&first, &second, &third}) {
      ask(forgetful, *server);
      EXPECT_EQ(forgetful.idle_connections(), 1u);
    }
    Client small({.idle_max = 2});
    for (TestServer* server : {&first, &second, &third}) ask(small, *server);
    EXPECT_EQ(small.idle_connections(), 2u);
    uint64_t before = third.stats().connections_accepted;
    ask(small, third);  // the one that was given back first was closed
    EXPECT_EQ(third.stats().connections_accepted, before);
  });
}

// RFC 9110 15.2 sets no bound; without one a server could keep a client busy for ever.
TEST(Client, BoundsTheAnnouncementsOfAResponse) {
  on_runtime([] {
    std::string endless;
    for (int i = 0; i < 100; ++i) endless += "HTTP/1.1 103 Early Hints\r\n\r\n";
    ScriptedServer server({endless + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
    Result<ClientResponse> response = Client().get({}, server.url());
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), Code::data_loss);
  });
}

// The server answers and reads no further: the answer is what the caller wants to know.
TEST(Client, ReportsAnAnswerThatComesBeforeTheBodyIsSent) {
  on_runtime([] {
    ScriptedServer server({"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"},
                          /*keep_open=*/true);
    Client client({.io_timeout = 50ms});
    Result<ClientResponse> response =
        client.post({}, server.url(), "text/plain", std::string(50'000'000, 'x'));
    server.close();
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->status(), 413);
    EXPECT_EQ(client.idle_connections(), 0u);
  });
}

TEST(Client, TriesAgainOnlyWhatMayBeRepeated) {
  on_runtime([] {
    std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    // The first connection ends after one answer, the client cannot know before it asks again.
    ScriptedServer server({ok, ok});
    Client client;
    for (int i = 0; i < 2; ++i) {
      Result<ClientResponse> response = client.get({}, server.url());
      ASSERT_TRUE(response) << response.error().to_string();
      EXPECT_EQ(*response->read_all(), "ok");
    }
  });
  // POST may have been carried out; with a key the server can tell (as in Go).
  for (bool keyed : {false, true}) {
    on_runtime([&] {
      std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      Client client;
      Result<net::Listener> listener = net::Listener::listen("127.0.0.1:0");
      ASSERT_TRUE(listener);
      internal::Joined server([&] {
        std::vector<std::string> answers = {ok, ""};
        if (keyed) answers.push_back(ok);
        // The second request arrives on the first connection, which ends without an answer.
        net::Conn conn = *listener->accept();
        internal::RawPeer peer(std::move(conn));
        for (const std::string& answer : answers) {
          if (answer.empty()) {
            peer.read_until("\r\n\r\n");
            peer = internal::RawPeer(net::Conn());
            if (keyed) peer = internal::RawPeer(*listener->accept());
            continue;
          }
          peer.read_until("\r\n\r\n");
          peer.send(answer);
        }
      });
      ClientRequest request{.method = "POST",
                            .url = "http://" + listener->address().to_string() + "/"};
      if (keyed) request.headers.set("Idempotency-Key", "k");
      Result<ClientResponse> response = client.send({}, request);
      ASSERT_TRUE(response);
      EXPECT_TRUE(response->read_all());
      response = client.send({}, request);
      EXPECT_EQ(response.has_value(), keyed);
    });
  }
  on_runtime([] {
    ScriptedServer server({""});  // a new connection is not tried again
    Result<ClientResponse> response = Client().get({}, server.url());
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), Code::unavailable);
  });
}

TEST(Client, EndsWithItsContext) {
  on_runtime([] {
    Channel<Unit> inside{10};
    TestServer server([=](Request& request, ResponseWriter& response) -> Result<void> {
      if (request.path() == "/body") {
        SLUICE_TRY(response.write("x"));
        SLUICE_TRY(response.flush());
      }
      inside.send({});
      request.context().done().receive();
      return {};
    });
    Client client;
    auto [context, cancel] = with_cancel(Context::background());
    internal::Joined joined([&, cancel = &cancel] {
      inside.receive();
      (*cancel)();
    });
    Result<ClientResponse> response = client.get(context, server.url("/"));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), Code::cancelled);

    auto [timed, cancel_timed] = with_timeout(Context::background(), 20ms);
    response = client.get(timed, server.url("/"));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), Code::deadline_exceeded);

    auto [third, cancel_third] = with_cancel(Context::background());
    inside.try_receive();
    response = client.get(third, server.url("/body"));
    ASSERT_TRUE(response);
    cancel_third();
    Result<std::string> body = response->read_all();
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code(), Code::cancelled);
  });
}

TEST(Client, RefusesMalformedResponses) {
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& text :
       {std::string("SSH-2.0-x\r\n"), std::string("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"),
        chunked + "x\r\n", chunked + "1\r\nab\r\n", std::string("HTTP/1.1 101 Up\r\n\r\n")}) {
    on_runtime([&] {
      ScriptedServer server({text});
      Result<ClientResponse> response = Client().get({}, server.url());
      Result<std::string> body = response ? response->read_all() : std::move(response).error();
      ASSERT_FALSE(body) << text;
      EXPECT_EQ(body.error().code(), Code::data_loss) << text;
    });
  }
}

TEST(Client, NoticesAResponseCutOff) {
  for (const char* text : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 200",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    on_runtime([&] {
      ScriptedServer server({text});
      Result<ClientResponse> response = Client().get({}, server.url());
      Result<std::string> body = response ? response->read_all() : std::move(response).error();
      ASSERT_FALSE(body) << text;
      EXPECT_EQ(body.error().code(), Code::unavailable) << text;
    });
  }
}

TEST(Client, ReadsBodiesThatEndWithTheConnection) {
  on_runtime([] {
    ScriptedServer server({"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200 OK\r\n\r\nall of it"});
    Client client;
    Result<ClientResponse> response = client.get({}, server.url());
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(*response->read_all(), "all of it");
    EXPECT_EQ(client.idle_connections(), 0u);
  });
}

TEST(Client, SendsNothingThatItWasNotGiven) {
  on_runtime([] {
    Client client;
    for (const char* url : {"ftp://h/", "http://h/\r\nX: y", "h", "http://user@h/"})
      EXPECT_EQ(client.get({}, url).error().code(), Code::invalid_argument) << url;
    ClientRequest request{.method = "GET / HTTP/1.1\r\n", .url = "http://127.0.0.1:1/"};
    EXPECT_EQ(client.send({}, request).error().code(), Code::invalid_argument);
    EXPECT_EQ(client.get({}, "http://127.0.0.1:1/").error().code(), Code::unavailable);
  });
}

}  // namespace
}  // namespace sluice::http
