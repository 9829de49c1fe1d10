// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/trace_page.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/debug/execution_trace.h"
#include "sluice/debug/internal/test_trace_file.h"
#include "sluice/debug/pprof_handler.h"
#include "sluice/http/client.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug::internal {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Answer {
  int status = 0;
  std::string type;
  std::string body;
};

class TracePage : public testing::Test {
 protected:
  template <class Body>
  void serve(Body body) {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([&] {
      http::Router router;
      router.get("/debug/pprof/{what...}", pprof_handler());
      http::Server server{std::move(router), {.drain_timeout = std::chrono::milliseconds(1)}};
      Result<net::Listener> listener = net::Listener::listen("127.0.0.1:0");
      ASSERT_TRUE(listener);
      base_ = "http://" + listener->address().to_string() + "/debug/pprof/";
      CancellableContext scope = with_cancel(Context::background());
      Channel<Unit> ended(1);
      go([&, listener = std::move(*listener)]() mutable {
        EXPECT_TRUE(server.serve(scope.context, std::move(listener)));
        ended.send({});
      });
      body();
      scope.cancel();
      ended.receive();
    });
  }

  Answer get(std::string_view target) {
    http::Client client;
    Result<http::ClientResponse> response =
        client.get(Context::background(), base_ + std::string(target));
    EXPECT_TRUE(response) << response.error().to_string();
    Answer answer{response->status(), std::string(response->header("Content-Type")), ""};
    Result<std::string> text = response->read_all();
    EXPECT_TRUE(text);
    answer.body = text.value_or("");
    return answer;
  }

  std::string base_;
};

TEST_F(TracePage, SendsATraceOfTheTimeAsked) {
  serve([&] {
    Answer answer = get("trace?seconds=0.05");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.type, "application/octet-stream");
    TraceFile file(answer.body);
    uint64_t first = file.events().front().time_ns;
    EXPECT_GE(file.events().back().time_ns - first, 50'000'000u);
    EXPECT_NE(file.track("P0") + file.track("P1"), 0u);  // whichever served this request
  });
}

TEST_F(TracePage, RefusesWhatIsNoTime) {
  serve([&] {
    for (const char* seconds : {"0", "-1", "x", "", "1x", "nan", "inf", "1e9", "3601"}) {
      Answer answer = get(std::string("trace?seconds=") + seconds);
      EXPECT_EQ(answer.status, 400) << seconds;
      EXPECT_EQ(answer.body, "seconds must be more than 0, at most 3600\n") << seconds;
    }
    EXPECT_FALSE(runtime::is_recording());
  });
}

TEST_F(TracePage, RefusesASecondTrace) {
  serve([&] {
    Result<ExecutionTrace> first = ExecutionTrace::start();
    ASSERT_TRUE(first);
    Answer answer = get("trace?seconds=1");
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.body, StartsWith("Could not enable tracing: "));
    EXPECT_THAT(answer.body, HasSubstr("already"));
  });
}

TEST_F(TracePage, EndsWhenTheClientGoesAway) {
  serve([&] {
    CancellableContext scope = with_cancel(Context::background());
    Channel<Unit> ended(1);
    go([&] {
      http::Client client;
      EXPECT_FALSE(client.get(scope.context, base_ + "trace?seconds=3600"));
      ended.send({});
    });
    while (!runtime::is_recording()) yield();
    scope.cancel();
    ended.receive();
    while (runtime::is_recording()) yield();
  });
}

TEST_F(TracePage, EndsWithTheServer) {
  serve([&] {
    go([this] {
      http::Client client;
      static_cast<void>(client.get(Context::background(), base_ + "trace?seconds=3600"));
    });
    while (!runtime::is_recording()) yield();
  });
  EXPECT_FALSE(runtime::is_recording());
}

TEST_F(TracePage, IsInTheIndex) {
  serve([&] { EXPECT_THAT(get("").body, HasSubstr("trace?seconds=")); });
}

}  // namespace
}  // namespace sluice::debug::internal
