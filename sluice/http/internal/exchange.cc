// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/exchange.h"

namespace sluice::http::internal {

std::unique_ptr<Exchange> ExchangePool::take() {
  {
    std::lock_guard guard(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<Exchange> exchange = std::move(free_.back());
      free_.pop_back();
      return exchange;
    }
  }
  return std::make_unique<Exchange>();
}

void ExchangePool::drain() {
  std::vector<std::unique_ptr<Exchange>> old;
  std::lock_guard guard(mutex_);  // released before `old` goes
  old.swap(free_);
}

void ExchangePool::give(std::unique_ptr<Exchange> exchange) {
  exchange->in.reset();
  exchange->out.clear();
  if (exchange->out.capacity() > out_bytes_max) exchange->out.shrink_to_fit();
  std::lock_guard guard(mutex_);
  if (free_.size() < kept_max) free_.push_back(std::move(exchange));
}

}  // namespace sluice::http::internal
