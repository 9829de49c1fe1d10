// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/net/address.h"
#include "sluice/net/conn.h"
#include "sluice/runtime/poll.h"

namespace sluice::net {

// A listening socket: TCP or Unix. Owns the descriptor and, for a Unix path, the file, which it
// removes when it is closed unless somebody has replaced it.
// Thread-safety: one goroutine accepts; interrupt() is for anyone; close() must not overlap with
// accept().
class Listener {
 public:
  Listener() = default;
  // Port 0 takes a free one; address() says which. A dead Unix socket file is replaced, a live one
  // is not. Errors: invalid_argument (address), already_exists (address in use), others of bind().
  static Result<Listener> listen(std::string_view address);
  static Result<Listener> listen(const Address& address);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  // Waits for a connection. When the process or the kernel is out of descriptors or memory it
  // waits and tries again, with growing pauses, and logs once per shortage.
  // Errors: cancelled (interrupted or closed), the context's.
  Result<Conn> accept();
  Result<Conn> accept(const Context& context);

  // What it is bound to.
  const Address& address() const { return address_; }

  void interrupt() { poll_.interrupt(); }
  void close();
  bool is_open() const { return fd_ >= 0; }

 private:
  Result<void> wait_out_shortage(const Error& error);

  int fd_ = -1;
  runtime::PollDesc poll_;
  Address address_;
  ino_t inode_ = 0;   // of the socket file; zero when there is none
  Duration pause_{};  // after the last failure for want of descriptors; zero when there was none
};

}  // namespace sluice::net
