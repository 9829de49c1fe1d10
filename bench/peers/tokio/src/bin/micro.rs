// SPDX-License-Identifier: Apache-2.0

fn main() {
    peers::harness::main();
}
