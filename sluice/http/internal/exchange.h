// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/http/internal/body_reader.h"
#include "sluice/http/internal/head_text.h"
#include "sluice/http/internal/read_buffer.h"
#include "sluice/http/request.h"
#include "sluice/http/response_writer.h"

namespace sluice::http::internal {

// All memory that serving requests takes. A connection holds one from the first byte of a request
// until it has nothing left to read or write, so that an idle connection costs its goroutine only.
struct Exchange {
  ReadBuffer in;
  std::string out;  // response bytes not yet written
  BodyReader body;
  Request request;
  ResponseWriter response;
  DateLine date;
};

// The exchanges that no connection holds, the last used one first. Thread-safe.
class ExchangePool {
 public:
  std::unique_ptr<Exchange> take();
  void give(std::unique_ptr<Exchange> exchange);
  // Frees them.
  void drain();

 private:
  static constexpr size_t kept_max = 1024;
  static constexpr size_t out_bytes_max = 32 * 1024;

  std::mutex mutex_;  // held for a few instructions, never across a wait
  std::vector<std::unique_ptr<Exchange>> free_;
};

}  // namespace sluice::http::internal
