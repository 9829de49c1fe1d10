// SPDX-License-Identifier: Apache-2.0

// Server and client over a simulated network, which neither knows of.

#include "sluice/net/simulated_network.h"

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/http/client.h"
#include "sluice/http/internal/test_peer.h"
#include "sluice/http/server.h"

namespace sluice::http {
namespace {

using internal::Joined;
using internal::on_runtime;

Result<void> echo(Request& request, ResponseWriter& response) {
  std::string body = SLUICE_TRY(request.read_all());
  return response.write(body);
}

// A server at "echo.test:80", until the end of its life.
class EchoServer {
 public:
  explicit EchoServer(net::SimulatedNetwork& network)
      : server_(echo), scope_(with_cancel(Context::background())) {
    network.name("echo.test", "10.0.0.2");
    Result<net::Listener> listener = net::Listener::listen("10.0.0.2:80");
    EXPECT_TRUE(listener) << listener.error().to_string();
    joined_ = std::make_unique<Joined>([this, listener = std::move(*listener)]() mutable {
      EXPECT_TRUE(server_.serve(scope_.context, std::move(listener)));
    });
  }
  ~EchoServer() { scope_.cancel(); }

  ServerStats stats() const { return server_.stats(); }

 private:
  Server server_;
  CancellableContext scope_;
  std::unique_ptr<Joined> joined_;  // last: ends first
};

TEST(SimulatedNetwork, CarriesRequestsAndResponses) {
  on_runtime([] {
    net::SimulatedNetwork network;
    EchoServer server(network);
    Client client;
    for (size_t size : {0, 1, 1000, 1'000'000}) {
      std::string body(size, 'x');
      Result<ClientResponse> got = client.post({}, "http://echo.test/", "text/plain", body);
      ASSERT_TRUE(got) << got.error().to_string();
      EXPECT_EQ(got->status(), 200);
      EXPECT_EQ(*got->read_all(), body);
    }
    EXPECT_EQ(network.counts().connections, 1u);
    EXPECT_EQ(server.stats().connections_accepted, 1u);
    EXPECT_GT(network.counts().bytes, 2'002'002u);
  });
}

TEST(SimulatedNetwork, ServesManyClientsAtOnce) {
  on_runtime([] {
    net::SimulatedNetwork network;
    EchoServer server(network);
    Client client;
    std::atomic<int> answered{0};
    {
      std::vector<std::unique_ptr<Joined>> clients;
      for (int i = 0; i < 50; ++i)
        clients.push_back(std::make_unique<Joined>([&, i] {
          std::string body = std::to_string(i);
          Result<ClientResponse> got = client.post({}, "http://echo.test/", "text/plain", body);
          if (got && *got->read_all() == body) ++answered;
        }));
    }
    EXPECT_EQ(answered, 50);
    EXPECT_GT(network.counts().connections, 0u);
  });
}

// Cuts streams anywhere, by a seed; all else is harmless.
class Cuts final : public runtime::Simulation {
 public:
  explicit Cuts(uint32_t seed) : random_(seed) {}
  void interleave() override {}
  void wait_for(const runtime::SpinLock&) override {}
  uint32_t choose(runtime::Decision kind, uint32_t count) override {
    return kind == runtime::Decision::latency ? 0 : uint32_t(random_() % count);
  }
  bool happens(runtime::Decision, uint32_t per_million) override {
    return random_() % 1'000'000 < per_million;
  }
  uint64_t random_bits() override { return random_(); }
  void note(std::string_view) override {}
  void refuse(std::string_view) override {}
  bool is_at_a_goroutine() const override { return true; }
  bool may_park() const override { return false; }
  void wait_for_others() override {}
  bool is_point(const volatile void*) const override { return false; }
  uint64_t switches() const override { return 0; }
  void begin_uninterrupted() override {}
  void end_uninterrupted() override {}
  void fail(std::string_view) override {}

 private:
  std::minstd_rand random_;
};

TEST(SimulatedNetwork, ParsesWhatComesInPieces) {
  on_runtime([] {
    Cuts cuts(1);
    net::SimulatedNetwork network({.short_read = 300'000, .short_write = 300'000}, &cuts);
    EchoServer server(network);
    Client client;
    for (size_t size = 0; size < 20'000; size += 97) {
      std::string body(size, 'x');
      Result<ClientResponse> got = client.post({}, "http://echo.test/", "text/plain", body);
      ASSERT_TRUE(got) << got.error().to_string();
      EXPECT_EQ(*got->read_all(), body);
    }
    EXPECT_GT(network.counts().short_reads, 0u);
    EXPECT_GT(network.counts().short_writes, 0u);
    EXPECT_GT(network.counts().segments, 600u);
  });
}

TEST(SimulatedNetwork, TellsTheClientThatNobodyListens) {
  on_runtime([] {
    net::SimulatedNetwork network;
    network.name("echo.test", "10.0.0.2");
    Client client;
    Result<ClientResponse> got = client.get({}, "http://echo.test/");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::unavailable);
    got = client.get({}, "http://elsewhere.test/");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::not_found);
  });
}

}  // namespace
}  // namespace sluice::http
