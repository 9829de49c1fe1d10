// SPDX-License-Identifier: Apache-2.0

//! A tokio timer is armed by the first poll of its Sleep and disarmed by dropping it. Its "context
//! with timeout" is a CancellationToken beside an armed Sleep.

use crate::harness::*;
use crate::workload;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;

const HOUR: Duration = Duration::from_secs(3600);

pub fn register(all: &mut Vec<Workload>) {
    workload!(all, "timer", timer());
    workload!(all, "timer_reuse@reset", timer_reset());
    workload!(all, "timer_reuse@delay_queue", timer_delay_queue());
    workload!(all, "ctx_timeout", context_timeout("ctx_timeout", None));
    workload!(all, "ctx_child", context_timeout("ctx_child", Some(CancellationToken::new())));
    workload!(all, "ctx_cancel", context_cancel());
}

/// An earlier timer, as any service has one: without it, every start would wake tokio's driver.
async fn with_earlier_timer() -> tokio::task::JoinHandle<()> {
    let earlier = tokio::spawn(sleep(HOUR / 2));
    sleep(Duration::from_millis(3)).await; // the driver has slept with it
    earlier
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> bool {
    std::future::poll_fn(move |cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

async fn timer() -> Samples {
    let earlier = with_earlier_timer().await;
    let n = scaled(500_000);
    let mut fired = 0;
    let watch = Stopwatch::start();
    for _ in 0..n {
        fired += poll_once(pin!(sleep(HOUR))).await as usize;
    }
    let samples = watch.stop("timer", n);
    earlier.abort();
    assert_eq!(fired, 0);
    samples
}

/// One Sleep re-armed: tokio's cheapest way to push a timeout on; it does less than start + stop.
async fn timer_reset() -> Samples {
    let earlier = with_earlier_timer().await;
    let n = scaled(1_000_000);
    let mut timer = pin!(sleep(HOUR));
    let mut fired = 0;
    let watch = Stopwatch::start();
    for _ in 0..n {
        timer.as_mut().reset(Instant::now() + HOUR);
        fired += poll_once(timer.as_mut()).await as usize;
    }
    let samples = watch.stop("timer_reuse@reset", n);
    earlier.abort();
    assert_eq!(fired, 0);
    samples
}

/// A task's own queue of timeouts: no lock, but only for that task.
async fn timer_delay_queue() -> Samples {
    let earlier = with_earlier_timer().await;
    let n = scaled(1_000_000);
    let mut queue = DelayQueue::new();
    queue.insert(0, HOUR);
    let mut sum = 0;
    let watch = Stopwatch::start();
    for i in 0..n {
        let key = queue.insert(i, HOUR);
        sum += queue.remove(&key).into_inner();
    }
    let samples = watch.stop("timer_reuse@delay_queue", n);
    earlier.abort();
    assert_eq!(sum, n * (n - 1) / 2);
    samples
}

async fn context_timeout(name: &str, parent: Option<CancellationToken>) -> Samples {
    let earlier = with_earlier_timer().await;
    let n = scaled(300_000);
    let mut cancelled = 0;
    let watch = Stopwatch::start();
    for _ in 0..n {
        let child = parent.as_ref().map_or_else(CancellationToken::new, |p| p.child_token());
        let mut timer = pin!(sleep(HOUR));
        poll_once(timer.as_mut()).await;
        child.cancel();
        cancelled += child.is_cancelled() as usize;
    }
    let samples = watch.stop(name, n);
    earlier.abort();
    assert_eq!(cancelled, n);
    samples
}

async fn context_cancel() -> Samples {
    let n = scaled(500_000);
    let root = CancellationToken::new();
    let mut cancelled = 0;
    let watch = Stopwatch::start();
    for _ in 0..n {
        let child = root.child_token();
        child.cancel();
        cancelled += child.is_cancelled() as usize;
    }
    let samples = watch.stop("ctx_cancel", n);
    assert_eq!(cancelled, n);
    samples
}
