// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/database.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/failure.h"
#include "sluice/sqlite/internal/test_file.h"

namespace sluice::sqlite {
namespace {

using internal::TestFile;

template <class F>
void on_goroutine(F&& fn) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on(std::forward<F>(fn));
}

std::string scalar(Database& database, std::string_view sql) {
  Statement row = database.query(sql).value();
  EXPECT_TRUE(row.step().value());
  return std::string{row.text(0)};
}

TEST(Database, OpensInWalModeWithFullSync) {
  on_goroutine([] {
    TestFile file;
    Database database = Database::open(file.path()).value();
    EXPECT_EQ(scalar(database, "PRAGMA journal_mode"), "wal");
    EXPECT_EQ(scalar(database, "PRAGMA synchronous"), "2");
    EXPECT_EQ(scalar(database, "PRAGMA foreign_keys"), "1");
  });
}

TEST(Database, BindsAndReadsEveryType) {
  on_goroutine([] {
    TestFile file;
    Database database = Database::open(file.path()).value();
    const std::string text{"zero \0 inside", 13};
    Statement row =
        database
            .query("SELECT ?, ?, ?, ?, ?, ?, ?", INT64_MIN, 2.5, text, std::string_view{}, nullptr,
                   std::optional<int64_t>{}, std::optional<std::string>{"x"})
            .value();
    ASSERT_TRUE(row.step().value());
    EXPECT_EQ(row.integer(0), INT64_MIN);
    EXPECT_EQ(row.real(1), 2.5);
    EXPECT_EQ(row.text(2), text);
    EXPECT_FALSE(row.is_null(3));
    EXPECT_EQ(row.text(3), "");
    EXPECT_TRUE(row.is_null(4));
    EXPECT_EQ(row.optional_integer(5), std::nullopt);
    EXPECT_EQ(row.optional_text(6), "x");
    EXPECT_FALSE(row.step().value());
  });
}

TEST(Database, CachesStatementsUpToItsLimit) {
  on_goroutine([] {
    TestFile file;
    Database database = Database::open(file.path(), {.statements_max = 2}).value();
    for (int round = 0; round < 3; ++round)
      for (int i = 0; i < 5; ++i)
        EXPECT_EQ(scalar(database, "SELECT " + std::to_string(i)), std::to_string(i));
    // The same text twice at once: the second is a statement of its own.
    Statement first = database.query("SELECT 1 UNION ALL SELECT 2").value();
    ASSERT_TRUE(first.step().value());
    Statement second = database.query("SELECT 1 UNION ALL SELECT 2").value();
    ASSERT_TRUE(second.step().value());
    EXPECT_TRUE(first.step().value());
    EXPECT_EQ(first.integer(0), 2);
    EXPECT_EQ(second.integer(0), 1);
  });
}

TEST(Database, ForgetsBindingsOfTheStatementBefore) {
  on_goroutine([] {
    TestFile file;
    Database database = Database::open(file.path()).value();
    {
      (void)database.query("SELECT ?", 7).value().step();
    }
    Statement again = database.prepare("SELECT ?").value();
    ASSERT_TRUE(again.step().value());
    EXPECT_TRUE(again.is_null(0));
  });
}

TEST(Database, ErrorsCarryCodeMessageSqlAndSqlitesNumber) {
  on_goroutine([] {
    TestFile file;
    Database database = Database::open(file.path()).value();
    ASSERT_TRUE(database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"));
    ASSERT_TRUE(database.run("INSERT INTO t VALUES (1, 2)"));
    const Error twice = database.run("INSERT INTO t VALUES (?, 3)", 1).error();
    EXPECT_EQ(twice.code(), Code::already_exists);
    EXPECT_NE(twice.message().find("UNIQUE constraint failed: t.id"), std::string::npos);
    EXPECT_NE(twice.message().find("INSERT INTO t VALUES (?, 3)"), std::string::npos);
    ASSERT_NE(as<Failure>(twice), nullptr);
    EXPECT_EQ(as<Failure>(twice)->code, 19);
    EXPECT_EQ(database.run("INSERT INTO t VALUES (2, NULL)").error().code(),
              Code::failed_precondition);
    const Error syntax = database.run("SELEC 1").error();
    EXPECT_EQ(syntax.code(), Code::invalid_argument);
    EXPECT_NE(syntax.message().find("syntax error"), std::string::npos);
    EXPECT_EQ(database.run("SELECT ?", 1, 2).error().code(), Code::invalid_argument);
    EXPECT_EQ(database.prepare("-- nothing").error().code(), Code::invalid_argument);
  });
}

TEST(Database, OpenRefusesWhatIsNoDatabase) {
  on_goroutine([] {
    TestFile file;
    std::ofstream{file.path()} << std::string(8192, 'x');
    EXPECT_EQ(Database::open(file.path()).error().code(), Code::data_loss);
    EXPECT_EQ(Database::open("/nowhere/at/all.db").error().code(), Code::unavailable);
    TestFile missing;
    EXPECT_EQ(Database::open(missing.path(), {.read_only = true}).error().code(),
              Code::unavailable);
  });
}

TEST(Database, ReadOnlyRefusesWrites) {
  on_goroutine([] {
    TestFile file;
    Database writable = Database::open(file.path()).value();
    ASSERT_TRUE(writable.execute("CREATE TABLE t (id INTEGER)"));
    Database reader = Database::open(file.path(), {.read_only = true}).value();
    EXPECT_EQ(reader.run("INSERT INTO t VALUES (1)").error().code(), Code::permission_denied);
  });
}

}  // namespace
}  // namespace sluice::sqlite
