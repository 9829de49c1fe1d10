// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/writer.h"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/internal/test_file.h"

namespace sluice::sqlite {
namespace {

class WriterTest : public testing::Test {
 protected:
  Database open() {
    Database database = Database::open(file_.path(), {.durability = Durability::off}).value();
    EXPECT_TRUE(database.execute(
        "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0)"));
    return database;
  }

  int64_t count() {
    Database database = open();
    Statement row = database.query("SELECT count(*) FROM t").value();
    EXPECT_TRUE(row.step().value());
    return row.integer(0);
  }

  internal::TestFile file_;
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(WriterTest, ACommandIsVisibleToOthersWhenRunReturns) {
  runtime_.block_on([&] {
    Writer writer{open()};
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(writer.run(
          [&](Database& database) { return database.run("INSERT INTO t (id) VALUES (?)", i); }));
      EXPECT_EQ(count(), i + 1);
    }
  });
}

TEST_F(WriterTest, ConcurrentCommandsShareTransactions) {
  runtime_.block_on([&] {
    Writer writer{open()};
    constexpr int callers = 64;
    constexpr int rounds = 20;
    Channel<bool> done{callers};
    for (int caller = 0; caller < callers; ++caller)
      go([&writer, done, caller] {
        bool all = true;
        for (int round = 0; round < rounds; ++round)
          all &=
              writer
                  .run([&](Database& database) {
                    return database.run("INSERT INTO t (id) VALUES (?)", caller * rounds + round);
                  })
                  .has_value();
        done.send(all);
      });
    for (int caller = 0; caller < callers; ++caller) EXPECT_TRUE(*done.receive());
    EXPECT_EQ(count(), callers * rounds);
    EXPECT_LE(writer.transactions(), static_cast<uint64_t>(callers * rounds));
  });
}

TEST_F(WriterTest, AFailingCommandIsUndoneAlone) {
  runtime_.block_on([&] {
    Writer writer{open()};
    constexpr int callers = 32;
    Channel<int> failed{callers};
    for (int caller = 0; caller < callers; ++caller)
      go([&writer, failed, caller] {
        Result<void> result = writer.run([&](Database& database) -> Result<void> {
          SLUICE_TRY(database.run("INSERT INTO t (id) VALUES (?)", caller));
          if (caller % 2 == 1) return Error{Code::aborted, "odd"};
          return {};
        });
        failed.send(!result && result.error().code() == Code::aborted ? 1 : 0);
      });
    int failures = 0;
    for (int caller = 0; caller < callers; ++caller) failures += *failed.receive();
    EXPECT_EQ(failures, callers / 2);
    EXPECT_EQ(count(), callers / 2);
  });
}

TEST_F(WriterTest, AnExceptionIsUndoneAndReported) {
  runtime_.block_on([&] {
    Writer writer{open()};
    const Error error = writer
                            .run([](Database& database) -> Result<void> {
                              SLUICE_TRY(database.run("INSERT INTO t (id) VALUES (1)"));
                              throw std::runtime_error{"planted"};
                            })
                            .error();
    EXPECT_EQ(error.code(), Code::internal);
    EXPECT_NE(error.message().find("planted"), std::string::npos);
    EXPECT_EQ(count(), 0);
  });
}

TEST_F(WriterTest, ATransactionEndedBehindItsBackFailsTheBatch) {
  runtime_.block_on([&] {
    Writer writer{open()};
    EXPECT_FALSE(writer.run([](Database& database) -> Result<void> {
      SLUICE_TRY(database.run("INSERT INTO t (id) VALUES (1)"));
      return database.run("ROLLBACK");  // as SQLite itself does when the disk is full
    }));
    EXPECT_EQ(count(), 0);
    EXPECT_TRUE(writer.run(
        [](Database& database) { return database.run("INSERT INTO t (id) VALUES (2)"); }));
    EXPECT_EQ(count(), 1);
  });
}

TEST_F(WriterTest, AFullDatabaseFailsCommandsAndLosesNone) {
  runtime_.block_on([&] {
    Writer writer{open()};
    ASSERT_TRUE(writer.run([](Database& database) -> Result<void> {
      SLUICE_TRY(database.run("CREATE TABLE filler (id INTEGER PRIMARY KEY, bytes TEXT)"));
      return database.run("PRAGMA max_page_count=20");
    }));
    constexpr int callers = 64;
    Channel<int> done{callers};
    for (int caller = 0; caller < callers; ++caller)
      go([&writer, done, caller] {
        Result<void> result = writer.run([&](Database& database) -> Result<void> {
          SLUICE_TRY(database.run("INSERT INTO t (id) VALUES (?)", caller));
          return database.run("INSERT INTO filler (bytes) VALUES (?)", std::string(2000, 'x'));
        });
        EXPECT_TRUE(result || result.error().code() == Code::resource_exhausted);
        done.send(result ? 1 : 0);
      });
    int succeeded = 0;
    for (int caller = 0; caller < callers; ++caller) succeeded += *done.receive();
    EXPECT_GT(succeeded, 0);
    EXPECT_LT(succeeded, callers);
    EXPECT_EQ(count(), succeeded);
  });
}

TEST_F(WriterTest, WorksFromAThreadThatIsNoGoroutine) {
  std::optional<Writer> writer;
  runtime_.block_on([&] { writer.emplace(open()); });
  EXPECT_TRUE(writer->run(
      [](Database& database) { return database.run("INSERT INTO t (id) VALUES (1)"); }));
  EXPECT_EQ(count(), 1);
  writer.reset();
}

}  // namespace
}  // namespace sluice::sqlite
