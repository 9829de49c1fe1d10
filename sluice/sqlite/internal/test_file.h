// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "sluice/base/assert.h"

namespace sluice::sqlite::internal {

// For tests: a path in a fresh temporary folder, which goes with this object.
class TestFile {
 public:
  TestFile() {
    std::string folder = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    SLUICE_ASSERT(mkdtemp(folder.data()) != nullptr, "mkdtemp failed");
    folder_ = folder;
  }
  ~TestFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  std::string path() const { return folder_ + "/test.db"; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

}  // namespace sluice::sqlite::internal
