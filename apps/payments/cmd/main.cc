// SPDX-License-Identifier: Apache-2.0

#include <utility>
#include <variant>

#include "apps/payments/cmd/options.h"
#include "sluice/run/run.h"

namespace payments_cmd {
namespace {

using sluice::Context;
using sluice::Result;

Result<int> dispatch(const Context&, int status) { return status; }
Result<int> dispatch(const Context& context, const ServeOptions& options) {
  return serve(context, options);
}
Result<int> dispatch(const Context& context, const LoadOptions& options) {
  return run_load(context, options);
}
Result<int> dispatch(const Context& context, const ImportOptions& options) {
  return import_file(context, options);
}
Result<int> dispatch(const Context& context, const VerifyOptions& options) {
  return verify(context, options);
}
Result<int> dispatch(const Context& context, const RequeueOptions& options) {
  return requeue(context, options);
}
Result<int> dispatch(const Context& context, const ReceiveOptions& options) {
  return receive(context, options);
}

}  // namespace
}  // namespace payments_cmd

int main(int argc, char** argv) {
  const payments_cmd::Options options = payments_cmd::parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&options)) return *status;
  return sluice::run([&](sluice::Context context) {
    return std::visit([&](const auto& chosen) { return payments_cmd::dispatch(context, chosen); },
                      options);
  });
}
