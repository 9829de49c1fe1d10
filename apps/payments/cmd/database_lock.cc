// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/database_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace payments_cmd {

using sluice::Code;
using sluice::Error;
using sluice::Result;

Result<DatabaseLock> DatabaseLock::take(const std::string& database) {
  // Of the file itself, by whatever links it was named.
  std::error_code unresolved;
  const std::filesystem::path file = std::filesystem::weakly_canonical(database, unresolved);
  const std::string path = (unresolved ? database : file.string()) + ".lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return sluice::errno_error(errno, "--db: open " + path);
  DatabaseLock lock{fd};
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return Error{Code::failed_precondition, "another service uses " + database};
  return lock;
}

DatabaseLock::DatabaseLock(DatabaseLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DatabaseLock::~DatabaseLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace payments_cmd
