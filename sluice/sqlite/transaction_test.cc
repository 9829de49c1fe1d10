// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/transaction.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/internal/test_file.h"

namespace sluice::sqlite {
namespace {

class TransactionTest : public testing::Test {
 protected:
  Database open() { return Database::open(file_.path(), {.durability = Durability::off}).value(); }

  Database open_with_table() {
    Database database = open();
    EXPECT_TRUE(database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)"));
    return database;
  }

  static int64_t count(Database& database) {
    Statement row = database.query("SELECT count(*) FROM t").value();
    EXPECT_TRUE(row.step().value());
    return row.integer(0);
  }

  internal::TestFile file_;
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(TransactionTest, KeepsWhatIsCommitted) {
  runtime_.block_on([&] {
    Database database = open_with_table();
    {
      Transaction transaction = Transaction::begin(database).value();
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (1)"));
      ASSERT_TRUE(transaction.commit());
    }
    EXPECT_FALSE(database.in_transaction());
    EXPECT_EQ(count(database), 1);
  });
}

TEST_F(TransactionTest, RollsBackWithoutCommit) {
  runtime_.block_on([&] {
    Database database = open_with_table();
    {
      Transaction transaction = Transaction::begin(database).value();
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (1)"));
    }
    EXPECT_FALSE(database.in_transaction());
    EXPECT_EQ(count(database), 0);
  });
}

TEST_F(TransactionTest, RollsBackOnException) {
  runtime_.block_on([&] {
    Database database = open_with_table();
    try {
      Transaction transaction = Transaction::begin(database).value();
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (1)"));
      throw std::runtime_error{"user code"};
    } catch (const std::runtime_error&) {
    }
    EXPECT_FALSE(database.in_transaction());
    EXPECT_EQ(count(database), 0);
  });
}

TEST_F(TransactionTest, SavepointUndoesItsPartOnly) {
  runtime_.block_on([&] {
    Database database = open_with_table();
    Transaction transaction = Transaction::begin(database).value();
    ASSERT_TRUE(database.run("INSERT INTO t VALUES (1)"));
    {
      Savepoint undone = Savepoint::begin(database).value();
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (2)"));
    }
    {
      Savepoint kept = Savepoint::begin(database).value();
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (3)"));
      ASSERT_TRUE(kept.keep());
    }
    ASSERT_TRUE(transaction.commit());
    EXPECT_EQ(count(database), 2);
  });
}

TEST_F(TransactionTest, APartThatCannotBeUndoneTakesAllWithIt) {
  runtime_.block_on([&] {
    Database database = open_with_table();
    Transaction transaction = Transaction::begin(database).value();
    {
      Savepoint part = Savepoint::begin(database).value();
      ASSERT_TRUE(database.run("INSERT INTO t VALUES (1)"));
      ASSERT_TRUE(database.run("RELEASE sluice"));  // now "ROLLBACK TO" has nothing to go to
    }
    EXPECT_FALSE(database.in_transaction());
    EXPECT_FALSE(transaction.commit());
    EXPECT_EQ(count(database), 0);
  });
}

TEST_F(TransactionTest, TwoWritersExcludeEachOther) {
  runtime_.block_on([&] {
    Database first = open_with_table();
    Database second =
        Database::open(file_.path(), {.busy_timeout = std::chrono::milliseconds{1}}).value();
    Transaction transaction = Transaction::begin(first).value();
    EXPECT_EQ(Transaction::begin(second).error().code(), Code::unavailable);
  });
}

}  // namespace
}  // namespace sluice::sqlite
