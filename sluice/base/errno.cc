// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include <cerrno>

#include "sluice/base/error.h"

namespace sluice {
namespace {

Code code_from_errno(int err) {
  switch (err) {
    case EINVAL:
    case ENAMETOOLONG:
    case E2BIG:
    case EDESTADDRREQ:
    case EDOM:
    case EFAULT:
    case EILSEQ:
    case ENOPROTOOPT:
    case ENOTSOCK:
    case ENOTTY:
    case EPROTOTYPE:
    case ESPIPE:
      return Code::invalid_argument;
    case ETIMEDOUT:
      return Code::deadline_exceeded;
    case ENODEV:
    case ENOENT:
    case ENXIO:
    case ESRCH:
      return Code::not_found;
    case EEXIST:
    case EADDRNOTAVAIL:
    case EALREADY:
      return Code::already_exists;
    case EPERM:
    case EACCES:
    case EROFS:
      return Code::permission_denied;
    case ENOTEMPTY:
    case EISDIR:
    case ENOTDIR:
    case EADDRINUSE:
    case EBADF:
    case EBUSY:
    case ECHILD:
    case EISCONN:
    case ENOTCONN:
    case EPIPE:
    case ETXTBSY:
    case ENOTBLK:
      return Code::failed_precondition;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case EMLINK:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Code::resource_exhausted;
    case EFBIG:
    case EOVERFLOW:
    case ERANGE:
      return Code::out_of_range;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
    case EXDEV:
      return Code::unimplemented;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNABORTED:
    case ECONNRESET:
    case EINTR:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case ENETUNREACH:
    case ENOLCK:
      return Code::unavailable;
    case EDEADLK:
    case ESTALE:
      return Code::aborted;
    case ECANCELED:
      return Code::cancelled;
    default:
      return Code::unknown;
  }
}

}  // namespace

Error errno_error(int err, std::string_view what) {
  const char* text = ::strerrordesc_np(err);  // no locale, no lock, no shared buffer
  std::string message(what);
  message += ": ";
  if (text != nullptr) {
    message += text;
  } else {
    message += "errno ";
    message += std::to_string(err);
  }
  return Error(code_from_errno(err), std::move(message)).with(Errno{err});
}

}  // namespace sluice
