// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/pprof_handler.h"

#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/debug/cpu_profile.h"
#include "sluice/debug/internal/test_burn.h"
#include "sluice/debug/internal/test_profile.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/http/client.h"
#include "sluice/http/router.h"
#include "sluice/http/server.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

struct Answer {
  int status = 0;
  std::string type;
  std::string tool_error;  // X-Go-Pprof
  std::string body;
};

// A server with the handler, asked once for each target.
class PprofHandler : public testing::Test {
 protected:
  template <class Body>
  void serve(Body body, http::ServerOptions options = {}, std::function<void()> after = [] {}) {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([&] {
      http::Router router;
      router.get("/debug/pprof/{what...}", pprof_handler());
      http::Server server{std::move(router), options};
      Result<net::Listener> listener = net::Listener::listen("127.0.0.1:0");
      ASSERT_TRUE(listener);
      base_ = "http://" + listener->address().to_string();
      CancellableContext scope = with_cancel(Context::background());
      Channel<Unit> ended(1);
      go([&, listener = std::move(*listener)]() mutable {
        EXPECT_TRUE(server.serve(scope.context, std::move(listener)));
        ended.send({});
      });
      body();
      scope.cancel();
      ended.receive();
      after();
    });
  }

  Answer get(std::string_view target) {
    http::Client client;
    Result<http::ClientResponse> response =
        client.get(Context::background(), base_ + std::string(target));
    EXPECT_TRUE(response) << response.error().to_string();
    Answer answer{response->status(), std::string(response->header("Content-Type")),
                  std::string(response->header("X-Go-Pprof")), ""};
    Result<std::string> text = response->read_all();
    EXPECT_TRUE(text);
    answer.body = text.value_or("");
    return answer;
  }

  std::string base_;
};

TEST_F(PprofHandler, ShowsStacksAsText) {
  serve([&] {
    Channel<int> word;
    go([word] {
      set_goroutine_name("waiter");
      word.receive();
    });
    internal::wait_for_waiters(1);
    Answer stacks = get("/debug/pprof/goroutine?debug=2");
    EXPECT_EQ(stacks.status, 200);
    EXPECT_EQ(stacks.type, "text/plain; charset=utf-8");
    EXPECT_THAT(stacks.body, MatchesRegex("goroutine [0-9]+ \\[running\\]:\n(.|\n)*"));
    EXPECT_THAT(stacks.body, HasSubstr(" [chan receive labels:{\"name\": \"waiter\"}]:\n"));
    EXPECT_THAT(stacks.body, HasSubstr(" [IO wait"));
    Answer counts = get("/debug/pprof/goroutine?debug=1");
    EXPECT_EQ(counts.status, 200);
    EXPECT_THAT(counts.body, StartsWith("goroutine profile: total "));
    word.send(1);
  });
}

TEST_F(PprofHandler, GivesGosToolAGzippedProfile) {
  serve([&] {
    for (const char* target : {"/debug/pprof/goroutine", "/debug/pprof/goroutine?debug=0"}) {
      Answer profile = get(target);
      EXPECT_EQ(profile.status, 200);
      EXPECT_EQ(profile.type, "application/octet-stream");
      EXPECT_THAT(profile.body, StartsWith("\x1f\x8b"));
    }
  });
}

TEST_F(PprofHandler, ShowsLeaks) {
  serve([&] {
    go([] {
      set_goroutine_name("waiter");
      Channel<int>::nil().receive();
    });
    internal::wait_for_waiters(1);
    Answer stacks = get("/debug/pprof/goroutineleak?debug=2");
    EXPECT_EQ(stacks.status, 200);
    EXPECT_EQ(stacks.type, "text/plain; charset=utf-8");
    EXPECT_THAT(stacks.body, HasSubstr(" [chan receive (nil chan) (leaked) labels:"));
    Answer counts = get("/debug/pprof/goroutineleak?debug=1");
    EXPECT_EQ(counts.status, 200);
    EXPECT_THAT(counts.body, StartsWith("goroutineleak profile: total "));
    Answer profile = get("/debug/pprof/goroutineleak");
    EXPECT_EQ(profile.status, 200);
    EXPECT_EQ(profile.type, "application/octet-stream");
    EXPECT_THAT(profile.body, StartsWith("\x1f\x8b"));
    Answer grown = get("/debug/pprof/goroutineleak?debug=2&seconds=1");
    EXPECT_EQ(grown.status, 200);
    for (const char* bad : {"0", "-1", "x", "3601", ""}) {
      Answer answer = get(std::string("/debug/pprof/goroutineleak?seconds=") + bad);
      EXPECT_EQ(answer.status, 400) << bad;
      EXPECT_EQ(answer.body, "seconds must be a whole number from 1 to 3600\n");
    }
    EXPECT_EQ(get("/debug/pprof/goroutineleak?debug=3").status, 400);
  });
}

TEST_F(PprofHandler, ProfilesTheCpu) {
  serve([&] {
    Answer answer = get("/debug/pprof/profile?seconds=1");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.type, "application/octet-stream");
    internal::Profile profile(answer.body);
    EXPECT_THAT(profile.types, testing::ElementsAre("samples/count", "cpu/nanoseconds"));
    EXPECT_GE(profile.duration_ns, 1'000'000'000u);
  });
}

TEST_F(PprofHandler, ASecondCpuProfileIsRefusedAsInGo) {
  serve([&] {
    Result<CpuProfile> first = CpuProfile::start();
    ASSERT_TRUE(first);
    Answer answer = get("/debug/pprof/profile?seconds=1");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, "Could not enable CPU profiling: cpu profiling already in use\n");
    EXPECT_EQ(answer.tool_error, "1");
  });
}

TEST_F(PprofHandler, ACpuProfileEndsWhenItsClientGoes) {
  serve([&] {
    CancellableContext impatient = with_cancel(Context::background());
    Channel<Unit> ended(1);
    go([&] {
      http::Client client;
      EXPECT_FALSE(client.get(impatient.context, base_ + "/debug/pprof/profile?seconds=3600"));
      ended.send({});
    });
    while (!internal::somebody_is_in("sluice::debug::cpu_profile")) yield();
    impatient.cancel();
    ended.receive();
    while (!CpuProfile::start()) yield();
  });
}

TEST_F(PprofHandler, ACpuProfileEndsWhenItsServerDoes) {
  Channel<Unit> ended(1);
  http::ServerOptions options;
  options.drain_timeout = Duration::zero();
  serve(
      [&] {
        go([&] {
          http::Client client;
          Result<http::ClientResponse> response =
              client.get(Context::background(), base_ + "/debug/pprof/profile?seconds=3600");
          if (response) static_cast<void>(response->read_all());
          ended.send({});
        });
        while (!internal::somebody_is_in("sluice::debug::cpu_profile")) yield();
      },
      options, [&] { ended.receive(); });
  EXPECT_TRUE(CpuProfile::start());
}

TEST_F(PprofHandler, ShowsWhatCreatedThreads) {
  serve([&] {
    Answer profile = get("/debug/pprof/threadcreate");
    EXPECT_EQ(profile.status, 200);
    EXPECT_THAT(internal::Profile(profile.body).types, testing::ElementsAre("threadcreate/count"));
    Answer text = get("/debug/pprof/threadcreate?debug=1");
    EXPECT_EQ(text.type, "text/plain; charset=utf-8");
    EXPECT_THAT(text.body, StartsWith("threadcreate profile: total "));
  });
}

TEST_F(PprofHandler, AParameterThatIsNotUnderstoodIsABadRequest) {
  serve([&] {
    for (const char* target : {"/debug/pprof/goroutine?debug=3", "/debug/pprof/goroutine?debug=-1",
                               "/debug/pprof/goroutine?debug=two", "/debug/pprof/goroutine?debug=",
                               "/debug/pprof/goroutine?debug=02"}) {
      Answer answer = get(target);
      EXPECT_EQ(answer.status, 400) << target;
      EXPECT_EQ(answer.body, "debug must be 0, 1 or 2\n") << target;
      EXPECT_EQ(answer.tool_error, "1") << target;
    }
    Answer answer = get("/debug/pprof/goroutine?seconds=5");
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, StartsWith("seconds: "));
    for (const char* seconds :
         {"0", "-1", "3601", "99999999999999999999", "1.5", "1s", "%201", ""}) {
      Answer refused = get("/debug/pprof/profile?seconds=" + std::string(seconds));
      EXPECT_EQ(refused.status, 400) << seconds;
      EXPECT_THAT(refused.body, StartsWith("seconds must be")) << seconds;
      EXPECT_EQ(refused.tool_error, "1") << seconds;
    }
    EXPECT_EQ(get("/debug/pprof/threadcreate?debug=2").status, 400);
  });
}

TEST_F(PprofHandler, ShowsWhoWaitedAndWhoKeptOthersWaiting) {
  serve([&] {
    for (std::string name : {"block", "mutex"}) {
      Answer text = get("/debug/pprof/" + name + "?debug=1");
      EXPECT_EQ(text.status, 200);
      EXPECT_EQ(text.type, "text/plain; charset=utf-8");
      EXPECT_THAT(text.body, StartsWith(name == "block" ? "--- contention:\n" : "--- mutex:\n"));
      for (std::string query : {"", "?seconds=1"}) {
        Answer profile = get("/debug/pprof/" + name + query);
        EXPECT_EQ(profile.status, 200);
        EXPECT_EQ(profile.type, "application/octet-stream");
        EXPECT_THAT(profile.body, StartsWith("\x1f\x8b"));
      }
      for (std::string query : {"?debug=2", "?debug=x", "?seconds=0", "?seconds=3601",
                                "?seconds=1s", "?seconds=", "?seconds=-1"}) {
        Answer answer = get("/debug/pprof/" + name + query);
        EXPECT_EQ(answer.status, 400) << query;
        EXPECT_EQ(answer.tool_error, "1") << query;
      }
    }
  });
}

TEST_F(PprofHandler, TellsWhoAllocatesAndWhoHoldsMemory) {
  serve([&] {
    for (const char* name : {"heap", "allocs"}) {
      std::string target = "/debug/pprof/" + std::string(name);
      Answer profile = get(target);
      EXPECT_EQ(profile.status, 200);
      EXPECT_EQ(profile.type, "application/octet-stream");
      EXPECT_THAT(profile.body, StartsWith("\x1f\x8b"));
      Answer text = get(target + "?debug=1&seconds=1");
      EXPECT_EQ(text.status, 200);
      EXPECT_THAT(text.body, StartsWith("heap profile: "));
      EXPECT_EQ(get(target + "?debug=2").body, "debug must be 0 or 1\n");
      for (const char* seconds : {"0", "-1", "3601", "x", "1x", ""})
        EXPECT_EQ(get(target + "?seconds=" + seconds).status, 400) << seconds;
    }
  });
}

TEST_F(PprofHandler, WhatIsNotThereIsNotFound) {
  serve([&] {
    Answer answer = get("/debug/pprof/nothing");
    EXPECT_EQ(answer.status, 404);
    EXPECT_THAT(answer.body, HasSubstr("/debug/pprof/"));
  });
}

TEST_F(PprofHandler, HasAnIndexAndTheCommandLine) {
  serve([&] {
    Answer index = get("/debug/pprof/");
    EXPECT_EQ(index.status, 200);
    EXPECT_THAT(index.body, HasSubstr("goroutine?debug=2"));
    Answer cmdline = get("/debug/pprof/cmdline");
    EXPECT_EQ(cmdline.status, 200);
    EXPECT_THAT(cmdline.body, HasSubstr("debug_test"));
    EXPECT_FALSE(cmdline.body.ends_with('\0'));
  });
}

}  // namespace
}  // namespace sluice::debug
