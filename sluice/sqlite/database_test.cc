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
    EXPECT_EQ(database.run("SELECT 1; DELETE FROM t").error().code(), Code::invalid_argument);
    EXPECT_TRUE(database.run("SELECT 1;\n "));
  });
}

TEST(Database, OpenRefusesWhatIsNoDatabase) {
  on_goroutine([] {
    TestFile file;
    std::ofstream{file.path()} << std::string(8192, 'x');
    EXPECT_EQ(Database::open(file.path()).error().code(), Code::data_loss);
    const Error nowhere = Database::open("/nowhere/at/all.db").error();
    EXPECT_EQ(nowhere.code(), Code::not_found);
    EXPECT_NE(nowhere.to_string().find("/nowhere/at/all.db: No such file"), std::string::npos);
    TestFile missing;
    EXPECT_EQ(Database::open(missing.path(), {.read_only = true}).error().code(), Code::not_found);
    EXPECT_EQ(Database::open(missing.path(), {.create = false}).error().code(), Code::not_found);
    const Error folder = Database::open(missing.folder()).error();
    EXPECT_NE(folder.to_string().find(missing.folder()), std::string::npos);
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
