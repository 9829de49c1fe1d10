// SPDX-License-Identifier: Apache-2.0

#include <cerrno>

#include <gtest/gtest.h>

#include "sluice/base/error.h"

namespace sluice {
namespace {

TEST(ErrnoError, SaysWhatFailedAndWhy) {
  EXPECT_EQ(errno_error(ENOENT, "open a.toml").to_string(),
            "open a.toml: No such file or directory");
}

TEST(ErrnoError, KeepsTheNumberAsADetail) {
  const Error error = wrap(errno_error(ECONNREFUSED, "connect"), "dial");
  ASSERT_NE(as<Errno>(error), nullptr);
  EXPECT_EQ(as<Errno>(error)->value, ECONNREFUSED);
}

TEST(ErrnoError, NumberWithoutATextIsShown) {
  EXPECT_EQ(errno_error(9999, "ioctl").to_string(), "ioctl: errno 9999");
}

TEST(ErrnoError, NumberStandsForACode) {
  struct {
    int err;
    Code code;
  } const cases[] = {
      {EINVAL, Code::invalid_argument},
      {ENOENT, Code::not_found},
      {EEXIST, Code::already_exists},
      {EACCES, Code::permission_denied},
      {EPERM, Code::permission_denied},
      {EMFILE, Code::resource_exhausted},
      {ENOMEM, Code::resource_exhausted},
      {ENOSPC, Code::resource_exhausted},
      {ETIMEDOUT, Code::deadline_exceeded},
      {ECONNREFUSED, Code::unavailable},
      {ECONNRESET, Code::unavailable},
      {EPIPE, Code::unavailable},
      {EAGAIN, Code::unavailable},
      {EADDRINUSE, Code::failed_precondition},
      {EBADF, Code::failed_precondition},
      {ENOSYS, Code::unimplemented},
      {EAFNOSUPPORT, Code::unimplemented},
      {ERANGE, Code::out_of_range},
      {ECANCELED, Code::cancelled},
      {EDEADLK, Code::aborted},
      {EIO, Code::unknown},
      {9999, Code::unknown},
  };
  for (const auto& [err, code] : cases) EXPECT_EQ(errno_error(err, "x").code(), code) << err;
}

}  // namespace
}  // namespace sluice
