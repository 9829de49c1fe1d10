// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/sqlite/cancel_scope.h"
#include "sluice/sqlite/database.h"

namespace sluice::sqlite {

// A few read-only connections to one file, each used by one goroutine at a time. In WAL mode
// readers neither wait for the writer nor hold it up; a reader sees what was committed before its
// statement began. Thread-safe.
class ReaderPool {
 public:
  // A borrowed connection; goes back at scope exit. Its statements stop when the context ends.
  class Reader {
   public:
    Reader(Reader&&) noexcept = default;
    Reader& operator=(Reader&&) = delete;
    ~Reader();

    Database& operator*() const { return *database_; }
    Database* operator->() const { return database_.get(); }

   private:
    friend class ReaderPool;
    Reader(ReaderPool* pool, std::unique_ptr<Database> database, const Context& context);

    ReaderPool* pool_;
    std::unique_ptr<Database> database_;  // null: moved from
    std::unique_ptr<CancelScope> scope_;
  };

  // Opens `readers` connections; the file must exist.
  // Errors: see Database::open().
  static Result<std::unique_ptr<ReaderPool>> open(const std::string& path, size_t readers);

  // Waits for a free connection.
  // Errors: the context's.
  Result<Reader> acquire(const Context& context);

 private:
  explicit ReaderPool(size_t readers) : idle_(readers) {}

  Channel<std::unique_ptr<Database>> idle_;
};

}  // namespace sluice::sqlite
