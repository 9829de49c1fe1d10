// SPDX-License-Identifier: Apache-2.0

// Runs a fuzz target over a corpus without libFuzzer, so that every build replays it in ctest.
// Arguments: files and folders. The empty input is always run.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run_one(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

void run_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string input{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::fprintf(stderr, "replay %s\n", path.c_str());  // the last line names the culprit of a crash
  run_one(input);
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  run_one("");
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (std::filesystem::is_regular_file(path)) {
      run_file(path);
      ++files;
    } else if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) {
        run_file(entry.path());
        ++files;
      }
    } else {
      std::fprintf(stderr, "replay: no such file or folder: %s\n", path.c_str());
      return 1;
    }
  }
  std::printf("replayed %d inputs and the empty one\n", files);
  return 0;
}
