// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/time.h"

namespace payments_cmd {

// A progress bar on standard error, drawn only if that is a terminal, at most ten times a second:
//   [##########..........]  50 %  5,012 rows  4,930/s
// One goroutine at a time.
class ProgressBar {
 public:
  // `total` is what update()'s `done` counts up to.
  explicit ProgressBar(int64_t total);

  // Removes the bar.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(int64_t done, int64_t rows);

  // The text of a bar.
  static std::string render(int64_t done, int64_t total, int64_t rows, double rows_per_second);

 private:
  const int64_t total_;
  const bool shown_;
  const sluice::Instant start_;
  sluice::Instant last_;
};

// 1234567 -> "1,234,567".
std::string with_commas(int64_t number);

}  // namespace payments_cmd
