// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"

namespace payments_cmd {

// Takes one CSV line apart (RFC 4180): fields between commas, quoted by "..." where they hold
// commas or quotes, "" for a quote. A field does not span lines: an open quote spoils its own line.
// Errors: invalid_argument (open quote, text behind a closing quote, not UTF-8, beyond 16 KiB).
sluice::Result<std::vector<std::string>> split_csv(std::string_view line);

// Reads a CSV file line by line, in constant memory: of a line that is too long it keeps the
// beginning. A byte order mark at the front is skipped; lines may end with CR LF.
class CsvReader {
 public:
  struct Row {
    int64_t line = 0;  // in the file, from 1
    std::string text;  // as it stands there
    sluice::Result<std::vector<std::string>> fields;
  };

  explicit CsvReader(std::istream& in);

  // The next line that is not empty; nullopt: the file is read, or failed().
  std::optional<Row> next();

  // Whether the latest next() ended at an error of reading, not at the end of the file.
  bool failed() const { return in_.bad(); }

  // Lines read so far.
  int64_t lines() const { return line_; }

  // Bytes read so far.
  int64_t bytes() const { return bytes_; }

 private:
  bool read_line(std::string& text);

  std::istream& in_;
  std::vector<char> buffer_;
  int64_t line_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace payments_cmd
