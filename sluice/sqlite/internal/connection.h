// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "sluice/base/error.h"
#include "sluice/base/time.h"

namespace sluice::sqlite::internal {

// Why a statement is to stop: set by CancelScope, read by SQLite's callbacks and error mapping.
enum class Stop : uint8_t { no, cancelled, deadline };

struct TransparentHash : std::hash<std::string_view> {
  using is_transparent = void;
};

struct CachedStatement {
  sqlite3_stmt* statement = nullptr;
  uint64_t last_use = 0;
  bool in_use = false;
};

// What a Database owns: the handle and the statements that nobody uses at the moment.
struct Connection {
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // The error for `status`, with SQLite's message and the SQL it is about.
  Error failure(int status, std::string_view sql) const;

  // Frees the least recently used idle statement when the cache is full. False: all are in use.
  bool make_room();

  // The SQLite callbacks that a CancelScope and the busy wait need.
  static int on_busy(void* connection, int attempts);
  static int on_progress(void* connection);

  sqlite3* handle = nullptr;
  size_t statements_max = 64;
  Duration busy_timeout{};
  Instant busy_since{};
  uint64_t uses = 0;
  std::unordered_map<std::string, CachedStatement, TransparentHash, std::equal_to<>> cache;
  std::atomic<Stop> stop{Stop::no};
};

}  // namespace sluice::sqlite::internal
