// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "sluice/base/assert.h"

namespace payments_testing {

// For tests: a fresh temporary folder, which goes with this object.
class TempFolder {
 public:
  TempFolder() {
    std::string folder = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    SLUICE_ASSERT(mkdtemp(folder.data()) != nullptr, "mkdtemp failed");
    folder_ = folder;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

}  // namespace payments_testing
