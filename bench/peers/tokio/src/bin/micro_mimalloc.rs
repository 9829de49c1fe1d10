// SPDX-License-Identifier: Apache-2.0

//! The same with the allocator that Rust services often choose.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    peers::harness::main();
}
