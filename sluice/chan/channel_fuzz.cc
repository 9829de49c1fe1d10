// SPDX-License-Identifier: Apache-2.0

#include <cstddef>
#include <cstdint>

#include "sluice/chan/internal/model_program.h"
#include "sluice/runtime/runtime.h"

// The input is a program of channel operations, run beside a model; see ModelProgram.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sluice::Runtime runtime{{.max_procs = 2}};
  runtime.block_on([&] { sluice::internal::ModelProgram({data, size}).run(); });
  return 0;
}
