// SPDX-License-Identifier: Apache-2.0

#include "sluice/testing/goroutine_leaks.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/wait_group.h"

namespace app {

// A program with leaks: named, so that the text can be asked for it.
[[gnu::noinline]] void receive_job(const sluice::Channel<int>& jobs) {
  jobs.receive();
  asm volatile("");
}
[[gnu::noinline]] void start_worker(const sluice::Channel<int>& jobs) {
  sluice::go([jobs] { receive_job(jobs); });
  asm volatile("");
}
[[gnu::noinline]] sluice::StopFunc watch(const sluice::Context& context) {
  sluice::StopFunc stop = sluice::after_func(context, [] {});
  asm volatile("");
  return stop;
}

}  // namespace app

namespace sluice::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

LeakOptions at_once() { return LeakOptions().grace(Duration::zero()); }

template <class F>
void run(F fn) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on(fn);
}

TEST(DescribeLeaks, SaysNothingWhenNothingIsLeft) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    sync::WaitGroup group;
    for (int i = 0; i < 10; ++i) group.go([] { yield(); });
    group.wait();
    EXPECT_EQ(describe_leaks(baseline), "");
  });
  EXPECT_EQ(describe_leaks(LeakBaseline::take()), "");
}

TEST(DescribeLeaks, ShowsStackAndCreatorOfEach) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    Channel<int> jobs;
    app::start_worker(jobs);
    app::start_worker(jobs);
    std::string text = describe_leaks(baseline, at_once());
    EXPECT_THAT(text, AllOf(StartsWith("2 goroutines have not ended:\n\ngoroutine "),
                            HasSubstr("created by app::start_worker in goroutine ")));
    jobs.close();
    EXPECT_EQ(describe_leaks(baseline), "");
  });
}

TEST(DescribeLeaks, WaitsForThoseThatAreAboutToEnd) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    Channel<int> jobs;
    app::start_worker(jobs);
    go([jobs] {
      for (int i = 0; i < 1000; ++i) yield();
      jobs.close();
    });
    EXPECT_EQ(describe_leaks(baseline, LeakOptions().grace(std::chrono::hours(1))), "");
  });
}

// Else it would wait for the grace.
TEST(DescribeLeaks, DoesNotWaitForThoseThatNothingCanWake) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    go([] { select(); });
    std::string text = describe_leaks(baseline, LeakOptions().grace(std::chrono::hours(1)));
    EXPECT_THAT(text, AllOf(StartsWith("1 goroutine has not ended:\n\n"),
                            HasSubstr(" [select (no cases) (leaked)]:\n")));
  });
}

TEST(DescribeLeaks, OverlooksWhatItIsTold) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    Channel<int> jobs;
    app::start_worker(jobs);
    while (describe_leaks(baseline, at_once()).find("app::receive_job") == std::string::npos)
      yield();
    for (const LeakOptions& options : {
             at_once().ignore_created_by("app::start_worker"),
             at_once().ignore_created_by("app"),
             at_once().ignore_function("app::receive_job"),
             at_once().ignore_function("sluice::internal::ChannelCore"),
             at_once().ignore_top_function("app::receive_job"),
         })
      EXPECT_EQ(describe_leaks(baseline, options), "");
    for (const LeakOptions& options : {
             at_once().ignore_created_by("app::start"),
             at_once().ignore_created_by("start_worker"),
             at_once().ignore_function("app::receive_jobs"),
             at_once().ignore_top_function("sluice::internal::ChannelCore"),
             at_once().ignore_top_function("app::start_worker"),
         })
      EXPECT_NE(describe_leaks(baseline, options), "");
    jobs.close();
  });
}

TEST(DescribeLeaks, AGoroutineThatItsRuntimeAbandonedIsOne) {
  LeakBaseline baseline = LeakBaseline::take();
  run([] {
    app::start_worker(Channel<int>());
    while (describe_leaks({}, at_once()).find("app::receive_job") == std::string::npos) yield();
  });
  EXPECT_THAT(describe_leaks(baseline),
              AllOf(StartsWith("1 goroutine has not ended:\n\nits Runtime has ended:\ngoroutine "),
                    HasSubstr("app::receive_job(...)\n"),
                    HasSubstr("created by app::start_worker in goroutine ")));
  EXPECT_EQ(describe_leaks(LeakBaseline::take()), "");
}

// The article's three patterns -----------------------------------------------------------------

TEST(LeakPatterns, ASelectForEverIsCaught) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    go([] { select(); });
    EXPECT_THAT(describe_leaks(baseline), HasSubstr("[select (no cases) (leaked)]"));
  });
}

TEST(LeakPatterns, AnAfterFuncThatIsNeverStoppedIsCaught) {
  LeakBaseline baseline = LeakBaseline::take();
  auto [context, cancel] = with_cancel(Context::background());
  StopFunc stop = app::watch(context);
  EXPECT_THAT(describe_leaks(baseline, at_once()),
              AllOf(StartsWith("a function given to after_func() neither ran nor was stopped\n"
                               "given by app::watch\n\t"),
                    HasSubstr("goroutine_leaks_test.cc:")));
  EXPECT_EQ(describe_leaks(baseline, at_once().ignore_created_by("app::watch")), "");
  stop();
  EXPECT_EQ(describe_leaks(baseline), "");
}

// A server whose stop() closes its door and returns, with requests still in hand.
class Server {
 public:
  void serve() {
    go([requests = requests_, release = release_] {
      for ([[maybe_unused]] int request : requests) go([release] { handle(release); });
    });
  }
  void request() { requests_.send(1); }
  void stop() { requests_.close(); }
  void finish() { release_.close(); }

 private:
  [[gnu::noinline]] static void handle(const Channel<Unit>& release) {
    release.receive();
    asm volatile("");
  }
  Channel<int> requests_;
  Channel<Unit> release_;
};

TEST(LeakPatterns, AShutdownThatDoesNotWaitIsCaught) {
  run([] {
    LeakBaseline baseline = LeakBaseline::take();
    Server server;
    server.serve();
    server.request();
    server.stop();
    std::string text;
    while (text.find("handle") == std::string::npos) text = describe_leaks(baseline, at_once());
    EXPECT_THAT(text, HasSubstr(" [chan receive]:\n"));
    server.finish();
    EXPECT_EQ(describe_leaks(baseline), "");
  });
}

}  // namespace
}  // namespace sluice::testing
