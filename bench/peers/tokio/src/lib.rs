// SPDX-License-Identifier: Apache-2.0

//! The workloads of bench/README.md as a tokio expert would write them. `harness` has the command
//! line and the output, the other modules one topic each.

pub mod harness;

mod chans;
mod contention;
mod maps;
mod sched;
mod timers;
