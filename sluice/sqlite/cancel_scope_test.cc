// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/cancel_scope.h"

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/internal/test_file.h"
#include "sluice/sqlite/transaction.h"

namespace sluice::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

TEST(CancelScope, CancelStopsTheRunningStatement) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    internal::TestFile file;
    Database database = Database::open(file.path()).value();
    auto [context, cancel] = with_cancel(Context::background());
    Channel<Unit> cancelled;
    go([&cancel, cancelled] {
      cancel();
      cancelled.close();
    });
    {
      CancelScope scope{database, context};
      EXPECT_EQ(blocking([&] { return database.run(endless); }).error().code(), Code::cancelled);
    }
    (void)cancelled.receive();
    EXPECT_TRUE(database.run("SELECT 1"));
  });
}

TEST(CancelScope, ADeadlineIsReportedAsOne) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    internal::TestFile file;
    Database database = Database::open(file.path()).value();
    auto [context, cancel] = with_timeout(Context::background(), 5ms);
    CancelScope scope{database, context};
    EXPECT_EQ(blocking([&] { return database.run(endless); }).error().code(),
              Code::deadline_exceeded);
  });
}

TEST(CancelScope, ADeadlineEndsTheWaitForALock) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    internal::TestFile file;
    Database holder = Database::open(file.path()).value();
    Transaction transaction = Transaction::begin(holder).value();
    Database waiter = Database::open(file.path(), {.busy_timeout = 1h}).value();
    auto [context, cancel] = with_timeout(Context::background(), 5ms);
    CancelScope scope{waiter, context};
    EXPECT_EQ(blocking([&] { return Transaction::begin(waiter); }).error().code(),
              Code::deadline_exceeded);
  });
}

}  // namespace
}  // namespace sluice::sqlite
