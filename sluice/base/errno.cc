// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include <cerrno>

#include "sluice/base/error.h"

namespace sluice {
namespace {

struct Row {
  int err;
  Code code;
};

// As absl::ErrnoToStatusCode, but for connections that broke or were refused: they are unavailable,
// since the peer may be back.
constexpr Row table[] = {
    {EINVAL, Code::invalid_argument},
    {ENAMETOOLONG, Code::invalid_argument},
    {E2BIG, Code::invalid_argument},
    {EDESTADDRREQ, Code::invalid_argument},
    {EDOM, Code::invalid_argument},
    {EFAULT, Code::invalid_argument},
    {EILSEQ, Code::invalid_argument},
    {ENOPROTOOPT, Code::invalid_argument},
    {ENOTSOCK, Code::invalid_argument},
    {ENOTTY, Code::invalid_argument},
    {EPROTOTYPE, Code::invalid_argument},
    {ESPIPE, Code::invalid_argument},
    {ETIMEDOUT, Code::deadline_exceeded},
    {ENODEV, Code::not_found},
    {ENOENT, Code::not_found},
    {ENXIO, Code::not_found},
    {ESRCH, Code::not_found},
    {EEXIST, Code::already_exists},
    {EADDRNOTAVAIL, Code::already_exists},
    {EALREADY, Code::already_exists},
    {EPERM, Code::permission_denied},
    {EACCES, Code::permission_denied},
    {EROFS, Code::permission_denied},
    {ENOTEMPTY, Code::failed_precondition},
    {EISDIR, Code::failed_precondition},
    {ENOTDIR, Code::failed_precondition},
    {EADDRINUSE, Code::failed_precondition},
    {EBADF, Code::failed_precondition},
    {EBUSY, Code::failed_precondition},
    {ECHILD, Code::failed_precondition},
    {EISCONN, Code::failed_precondition},
    {ENOTCONN, Code::failed_precondition},
    {ETXTBSY, Code::failed_precondition},
    {ENOSPC, Code::resource_exhausted},
    {EDQUOT, Code::resource_exhausted},
    {EMFILE, Code::resource_exhausted},
    {EMLINK, Code::resource_exhausted},
    {ENFILE, Code::resource_exhausted},
    {ENOBUFS, Code::resource_exhausted},
    {ENOMEM, Code::resource_exhausted},
    {EFBIG, Code::out_of_range},
    {EOVERFLOW, Code::out_of_range},
    {ERANGE, Code::out_of_range},
    {ENOSYS, Code::unimplemented},
    {EOPNOTSUPP, Code::unimplemented},
    {EAFNOSUPPORT, Code::unimplemented},
    {EPFNOSUPPORT, Code::unimplemented},
    {EPROTONOSUPPORT, Code::unimplemented},
    {ESOCKTNOSUPPORT, Code::unimplemented},
    {EXDEV, Code::unimplemented},
    {EAGAIN, Code::unavailable},
    {EINTR, Code::unavailable},
    {EPIPE, Code::unavailable},
    {ECONNREFUSED, Code::unavailable},
    {ECONNABORTED, Code::unavailable},
    {ECONNRESET, Code::unavailable},
    {EHOSTDOWN, Code::unavailable},
    {EHOSTUNREACH, Code::unavailable},
    {ENETDOWN, Code::unavailable},
    {ENETRESET, Code::unavailable},
    {ENETUNREACH, Code::unavailable},
    {ENOLCK, Code::unavailable},
    {EDEADLK, Code::aborted},
    {ESTALE, Code::aborted},
    {ECANCELED, Code::cancelled},
};

Code code_from_errno(int err) {
  for (const Row& row : table)
    if (row.err == err) return row.code;
  return Code::unknown;
}

}  // namespace

Error errno_error(int err, std::string_view what) {
  std::string message(what);
  message += ": ";
  if (const char* text = ::strerrordesc_np(err)) {  // no locale, no lock, no shared buffer
    message += text;
  } else {
    message += "errno ";
    message += std::to_string(err);
  }
  return Error(code_from_errno(err), std::move(message)).with(Errno{err});
}

}  // namespace sluice
