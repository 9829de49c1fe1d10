// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <variant>

#include "apps/payments/cmd/import.h"
#include "apps/payments/cmd/load.h"
#include "apps/payments/cmd/receive.h"
#include "apps/payments/cmd/requeue.h"
#include "apps/payments/cmd/serve.h"
#include "apps/payments/cmd/verify.h"

namespace payments_cmd {

// What the command line asks for; an int when it is already done with (help: 0, a mistake: 2).
using Options = std::variant<int, ServeOptions, LoadOptions, ImportOptions, VerifyOptions,
                             RequeueOptions, ReceiveOptions>;

// Reads the command line; prints help and mistakes itself.
Options parse_options(int argc, char** argv);

}  // namespace payments_cmd
