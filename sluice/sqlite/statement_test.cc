// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/statement.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sluice/runtime/runtime.h"
#include "sluice/sqlite/database.h"
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

TEST(Statement, BindsAndReadsEveryType) {
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

TEST(Statement, CachesStatementsUpToItsLimit) {
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

TEST(Statement, ForgetsBindingsOfTheStatementBefore) {
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

}  // namespace
}  // namespace sluice::sqlite
