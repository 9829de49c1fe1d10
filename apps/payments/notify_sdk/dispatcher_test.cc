// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/dispatcher.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/payments/testing/temp_folder.h"
#include "sluice/base/function.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/transaction.h"
#include "sluice/telemetry/log.h"

namespace notify_sdk {
namespace {

using namespace std::chrono_literals;
using sluice::Channel;
using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::Runtime;
using sluice::Unit;
using sluice::sqlite::Database;

// Records what is delivered; `script` decides how each attempt ends.
class FakeEndpoint final : public Endpoint {
 public:
  Result<void> deliver(const Context&, const Delivery& delivery) override {
    std::unique_lock lock{mutex_};
    attempts_.push_back(delivery.event.id);
    const int attempt = ++attempts_of_[delivery.event.id];
    lock.unlock();
    if (script) {
      if (Result<void> result = script(delivery, attempt); !result) return result;
    }
    lock.lock();
    delivered_.push_back(delivery.event.id);
    if (delivered_.size() == expected_) all_.close();
    return {};
  }

  // Waits until `count` deliveries in all have succeeded.
  void wait_for(size_t count) {
    {
      std::lock_guard guard{mutex_};
      if (delivered_.size() >= count) return;
      expected_ = count;
    }
    (void)all_.receive();
  }
  std::vector<std::string> delivered() {
    std::lock_guard guard{mutex_};
    return delivered_;
  }
  size_t attempts() {
    std::lock_guard guard{mutex_};
    return attempts_.size();
  }

  sluice::Function<Result<void>(const Delivery&, int attempt)> script;

 private:
  std::mutex mutex_;
  std::vector<std::string> attempts_;
  std::map<std::string, int> attempts_of_;
  std::vector<std::string> delivered_;
  size_t expected_ = 0;
  Channel<Unit> all_;
};

class DispatcherTest : public testing::Test {
 protected:
  // An outbox file with its writer and readers, as after a process start.
  struct Store {
    explicit Store(const std::string& path)
        : writer([&] {
            Database database = Database::open(path, {.durability = sluice::sqlite::Durability::off,
                                                      .busy_timeout = 1ms})
                                    .value();
            if (!database.run("SELECT 1 FROM outbox")) {
              EXPECT_TRUE(create_outbox(database));
            }
            return database;
          }()),
          readers(sluice::sqlite::ReaderPool::open(path, 2).value()) {}

    void add(std::string id, std::string subject) {
      EXPECT_TRUE(writer.run([&](Database& database) {
        return enqueue(database, {.id = id, .type = "t", .subject = subject, .body = "{}"});
      }));
    }
    int64_t dead() {
      auto reader = readers->acquire(Context::background()).value();
      return count_dead(*reader).value();
    }
    int64_t undelivered() {
      auto reader = readers->acquire(Context::background()).value();
      return count_undelivered(*reader).value();
    }

    sluice::sqlite::Writer writer;
    std::unique_ptr<sluice::sqlite::ReaderPool> readers;
  };

  // Runs a dispatcher around `body`.
  static void with_dispatcher(Store& store, Endpoint& endpoint,
                              sluice::FunctionRef<void(Dispatcher&)> body,
                              int64_t attempts_max = 1'000'000) {
    Dispatcher dispatcher{store.writer,
                          *store.readers,
                          endpoint,
                          {.concurrency = 8,
                           .window = 64,
                           .backoff = {1ms, 4ms},
                           .attempts_max = attempts_max,
                           .poll_interval = 1ms,
                           .database_pause = 1ms}};
    auto [context, cancel] = sluice::with_cancel(Context::background());
    Channel<Result<void>> ended{1};
    sluice::go([&dispatcher, context, ended] { ended.send(dispatcher.run(context)); });
    body(dispatcher);
    cancel();
    EXPECT_TRUE(*ended.receive());
  }

  payments_testing::TempFolder folder_;
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(DispatcherTest, DeliversWhatIsThereAndWhatComes) {
  runtime_.block_on([&] {
    Store store{folder_.file("ledger.db")};
    FakeEndpoint endpoint;
    for (int i = 0; i < 200; ++i) store.add("old" + std::to_string(i), "s" + std::to_string(i));
    with_dispatcher(store, endpoint, [&](Dispatcher& dispatcher) {
      for (int i = 0; i < 200; ++i) {
        store.add("new" + std::to_string(i), "t" + std::to_string(i));
        dispatcher.wake();
      }
      endpoint.wait_for(400);
    });
    EXPECT_EQ(store.undelivered(), 0);
    EXPECT_EQ(endpoint.attempts(), 400u);
  });
}

TEST_F(DispatcherTest, KeepsTheOrderWithinASubjectThroughFailures) {
  runtime_.block_on([&] {
    Store store{folder_.file("ledger.db")};
    FakeEndpoint endpoint;
    endpoint.script = [](const Delivery& delivery, int attempt) -> Result<void> {
      if (attempt <= static_cast<int>(delivery.sequence % 3))
        return Error{Code::unavailable, "planted"};
      return {};
    };
    for (int i = 0; i < 100; ++i)
      store.add(std::to_string(1000 + i), "subject" + std::to_string(i % 5));
    with_dispatcher(store, endpoint, [&](Dispatcher&) { endpoint.wait_for(100); });
    std::map<int, std::string> last;
    for (const std::string& id : endpoint.delivered()) {
      std::string& before = last[std::stoi(id) % 5];
      EXPECT_LT(before, id);
      before = id;
    }
    EXPECT_EQ(store.undelivered(), 0);
  });
}

TEST_F(DispatcherTest, AFailingSubjectDoesNotHoldUpOthers) {
  runtime_.block_on([&] {
    Store store{folder_.file("ledger.db")};
    FakeEndpoint endpoint;
    endpoint.script = [](const Delivery& delivery, int) -> Result<void> {
      if (delivery.event.subject == "broken") return Error{Code::unavailable, "planted"};
      return {};
    };
    store.add("b1", "broken");
    store.add("b2", "broken");
    for (int i = 0; i < 50; ++i) store.add("ok" + std::to_string(i), "s" + std::to_string(i));
    with_dispatcher(store, endpoint, [&](Dispatcher&) { endpoint.wait_for(50); });
    EXPECT_EQ(store.undelivered(), 2);
  });
}

TEST_F(DispatcherTest, ARestartDeliversWhatTheCrashLeftBehind) {
  runtime_.block_on([&] {
    FakeEndpoint endpoint;
    {
      Store store{folder_.file("ledger.db")};
      for (int i = 0; i < 30; ++i) store.add(std::to_string(i), "s" + std::to_string(i % 4));
      // The process "dies" after the endpoint took ten events, before they were marked.
      auto reader = store.readers->acquire(Context::background()).value();
      const std::vector<Delivery> taken = read_undelivered(*reader, 0, 10).value();
      for (const Delivery& delivery : taken)
        ASSERT_TRUE(endpoint.deliver(Context::background(), delivery));
    }
    Store restarted{folder_.file("ledger.db")};
    EXPECT_EQ(restarted.undelivered(), 30);
    with_dispatcher(restarted, endpoint, [&](Dispatcher&) { endpoint.wait_for(40); });
    EXPECT_EQ(restarted.undelivered(), 0);
    const std::vector<std::string> delivered = endpoint.delivered();
    EXPECT_EQ(std::set<std::string>(delivered.begin(), delivered.end()).size(), 30u);
  });
}

TEST_F(DispatcherTest, RemembersFailuresAcrossRestarts) {
  runtime_.block_on([&] {
    FakeEndpoint endpoint;
    Channel<Unit> tried{16};
    endpoint.script = [&](const Delivery&, int) -> Result<void> {
      (void)tried.try_send(Unit{});
      return Error{Code::unavailable, "planted"};
    };
    {
      Store store{folder_.file("ledger.db")};
      store.add("a", "s");
      with_dispatcher(store, endpoint, [&](Dispatcher&) {
        for (int i = 0; i < 3; ++i) (void)tried.receive();
      });
    }
    Store store{folder_.file("ledger.db")};
    auto reader = store.readers->acquire(Context::background()).value();
    const std::vector<Delivery> rows = read_undelivered(*reader, 0, 10).value();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_GE(rows[0].attempts, 3);
    EXPECT_GT(rows[0].not_before, 0);
  });
}

TEST_F(DispatcherTest, GivesAnEventUpAfterItsLastAttemptAndGoesOnWithTheNext) {
  runtime_.block_on([&] {
    Store store{folder_.file("ledger.db")};
    FakeEndpoint endpoint;
    endpoint.script = [](const Delivery& delivery, int) -> Result<void> {
      if (delivery.event.id == "poison") return Error{Code::unavailable, "planted"};
      return {};
    };
    store.add("poison", "s");
    store.add("next", "s");
    with_dispatcher(store, endpoint, [&](Dispatcher&) { endpoint.wait_for(1); }, 3);
    EXPECT_EQ(endpoint.attempts(), 4u);
    EXPECT_EQ(store.undelivered(), 0);
    EXPECT_EQ(store.dead(), 1);
    auto reader = store.readers->acquire(Context::background()).value();
    const std::vector<DeadLetter> letters = read_dead(*reader, 10).value();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].event.id, "poison");
    EXPECT_EQ(letters[0].attempts, 3);
    EXPECT_EQ(letters[0].last_failure, "planted");
  });
}

TEST_F(DispatcherTest, ARequeuedEventIsDeliveredByARunningDispatcher) {
  runtime_.block_on([&] {
    Store store{folder_.file("ledger.db")};
    FakeEndpoint endpoint;
    endpoint.script = [](const Delivery& delivery, int attempt) -> Result<void> {
      if (delivery.event.subject == "poison" && attempt <= 2)
        return Error{Code::unavailable, "planted"};
      return {};
    };
    store.add("p1", "poison");
    store.add("p2", "poison");
    store.add("p3", "poison");
    store.add("last", "poison");
    const auto requeue = [&](std::optional<std::string_view> id) {
      int64_t queued = 0;
      EXPECT_TRUE(store.writer.run([&](Database& database) -> Result<void> {
        queued = SLUICE_TRY(requeue_dead(database, id));
        return {};
      }));
      return queued;
    };
    with_dispatcher(
        store, endpoint,
        [&](Dispatcher&) {
          while (store.dead() < 4) sluice::yield();
          EXPECT_EQ(requeue("nobody"), 0);
          EXPECT_EQ(requeue("p2"), 1);
          endpoint.wait_for(1);  // nobody called wake()
          EXPECT_EQ(requeue(std::nullopt), 3);
          while (store.undelivered() > 0) sluice::yield();
        },
        2);
    EXPECT_EQ(store.dead(), 0);
    EXPECT_EQ(store.undelivered(), 0);
    EXPECT_EQ(endpoint.delivered(), (std::vector<std::string>{"p2", "p1", "p3", "last"}));
  });
}

class SignallingSink final : public sluice::LogSink {
 public:
  SignallingSink() { sluice::set_log_sink(this); }
  ~SignallingSink() override { sluice::set_log_sink(nullptr); }
  void write(sluice::Level, std::string_view) override { (void)written.try_send(Unit{}); }

  Channel<Unit> written{1};
};

// A backup tool, a person at a prompt: somebody else holds the database's write lock for a while.
TEST_F(DispatcherTest, OutlastsADatabaseThatTakesNothingForAWhile) {
  SignallingSink log;
  runtime_.block_on([&] {
    Store store{folder_.file("ledger.db")};
    Database other = Database::open(folder_.file("ledger.db")).value();
    std::optional<sluice::sqlite::Transaction> lock;
    FakeEndpoint endpoint;
    endpoint.script = [&](const Delivery& delivery, int) -> Result<void> {
      if (delivery.event.id == "a") lock.emplace(sluice::sqlite::Transaction::begin(other).value());
      return {};
    };
    store.add("a", "s");
    store.add("b", "s");
    with_dispatcher(store, endpoint, [&](Dispatcher&) {
      (void)log.written.receive();  // a was delivered, which could not be recorded
      EXPECT_EQ(store.undelivered(), 2);
      lock.reset();
      endpoint.wait_for(2);
    });
    EXPECT_EQ(store.undelivered(), 0);
    EXPECT_EQ(endpoint.delivered(), (std::vector<std::string>{"a", "b"}));
  });
}

}  // namespace
}  // namespace notify_sdk
