// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/base/result.h"

namespace payments_cmd {

// Keeps a second service off a database: two would each deliver every event, and their turns for
// one idempotency key would not exclude each other. A lock on "<database>.lock", which the kernel
// releases however the process ends.
class DatabaseLock {
 public:
  // Errors: failed_precondition (held by another process), permission_denied.
  static sluice::Result<DatabaseLock> take(const std::string& database);

  DatabaseLock(DatabaseLock&& other) noexcept;
  DatabaseLock& operator=(DatabaseLock&&) = delete;
  ~DatabaseLock();

 private:
  explicit DatabaseLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace payments_cmd
