// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/reader_pool.h"

#include <atomic>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/internal/test_file.h"

namespace sluice::sqlite {
namespace {

class ReaderPoolTest : public testing::Test {
 protected:
  std::unique_ptr<ReaderPool> open(size_t readers) {
    Database database = Database::open(file_.path(), {.durability = Durability::off}).value();
    EXPECT_TRUE(database.execute("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (7)"));
    return ReaderPool::open(file_.path(), readers).value();
  }

  static int64_t read(Database& database) {
    Statement row = database.query("SELECT id FROM t").value();
    EXPECT_TRUE(row.step().value());
    return row.integer(0);
  }

  internal::TestFile file_;
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(ReaderPoolTest, LendsEachConnectionToOneAtATime) {
  runtime_.block_on([&] {
    std::unique_ptr<ReaderPool> pool = open(2);
    std::atomic<int> inside{0};
    Channel<bool> done{16};
    for (int i = 0; i < 16; ++i)
      go([&, done] {
        bool ok = true;
        for (int round = 0; round < 50; ++round) {
          ReaderPool::Reader reader = pool->acquire(Context::background()).value();
          ok &= ++inside <= 2;
          yield();
          ok &= read(*reader) == 7;
          --inside;
        }
        done.send(ok);
      });
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(*done.receive());
  });
}

TEST_F(ReaderPoolTest, WaitingEndsWithTheContext) {
  runtime_.block_on([&] {
    std::unique_ptr<ReaderPool> pool = open(1);
    ReaderPool::Reader only = pool->acquire(Context::background()).value();
    auto [context, cancel] = with_cancel(Context::background());
    Channel<Unit> cancelled;
    go([&cancel, cancelled] {
      cancel();
      cancelled.close();
    });
    EXPECT_EQ(pool->acquire(context).error().code(), Code::cancelled);
    (void)cancelled.receive();
  });
}

TEST_F(ReaderPoolTest, AContextThatHasEndedStopsStatementsButNotTheNextBorrower) {
  runtime_.block_on([&] {
    std::unique_ptr<ReaderPool> pool = open(1);
    {
      auto [context, cancel] = with_cancel(Context::background());
      ReaderPool::Reader reader = pool->acquire(context).value();
      cancel();
      EXPECT_EQ(reader
                    ->run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                          " SELECT max(i) FROM n")
                    .error()
                    .code(),
                Code::cancelled);
    }
    ReaderPool::Reader next = pool->acquire(Context::background()).value();
    EXPECT_EQ(read(*next), 7);
  });
}

}  // namespace
}  // namespace sluice::sqlite
