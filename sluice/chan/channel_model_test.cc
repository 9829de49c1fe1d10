// SPDX-License-Identifier: Apache-2.0

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/internal/model_program.h"

namespace sluice {
namespace {

TEST(ChannelModel, RandomProgramsBehaveAsTheSequentialModel) {
  internal::on_any_processors([] {
    std::mt19937 random(20);
    for (int program = 0; program < 200; ++program) {
      std::vector<uint8_t> bytes(60);
      for (uint8_t& byte : bytes) byte = uint8_t(random());
      internal::ModelProgram(bytes).run();
    }
  });
}

}  // namespace
}  // namespace sluice
