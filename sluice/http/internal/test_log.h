// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/telemetry/log.h"

namespace sluice::http::internal {

// Keeps the log's lines while it lives, for tests.
class CapturedLog final : public LogSink {
 public:
  CapturedLog() : before_(set_log_sink(this)) {}
  ~CapturedLog() override { set_log_sink(before_); }
  void write(Level, std::string_view line) override {
    std::lock_guard guard(mutex_);
    lines_.emplace_back(line);
  }
  std::vector<std::string> take() {
    std::lock_guard guard(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  LogSink* before_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace sluice::http::internal
