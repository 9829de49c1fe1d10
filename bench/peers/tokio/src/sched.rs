// SPDX-License-Identifier: Apache-2.0

use crate::harness::*;
use crate::workload;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

pub fn register(all: &mut Vec<Workload>) {
    workload!(all, "spawn@countdown", spawn_countdown());
    workload!(all, "spawn@join", spawn_join());
    workload!(all, "yield_2", yields("yield_2", 2, scaled(1_000_000)));
    workload!(all, "yield_1000", yields("yield_1000", 1000, scaled(3_000)));
    for (name, leaves) in [("skynet", 1_000_000), ("skynet_100k", 100_000)] {
        workload!(all, format!("{name}@join"), skynet_join(name, leaves));
        workload!(all, format!("{name}@mpsc"), skynet_mpsc(name, leaves));
    }
    for (name, n) in [("spawn_mem_100k", 100_000), ("spawn_mem_1m", 1_000_000)] {
        workload!(all, name, spawn_mem(name, n));
        all.last_mut().unwrap().once = true;
    }
}

const BATCH: usize = 10_000;

async fn spawn_countdown() -> Samples {
    let n = scaled(50);
    // Lives for the process, so that the tasks need no reference count.
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new(0)));
    let watch = Stopwatch::start();
    for _ in 0..n {
        group.reset(BATCH);
        for _ in 0..BATCH {
            tokio::spawn(async { group.done() });
        }
        group.wait().await;
    }
    watch.stop("spawn@countdown", n * BATCH)
}

async fn spawn_join() -> Samples {
    let n = scaled(50);
    let mut tasks = Vec::with_capacity(BATCH);
    let watch = Stopwatch::start();
    for _ in 0..n {
        tasks.extend((0..BATCH).map(|_| tokio::spawn(async {})));
        for task in tasks.drain(..) {
            task.await.unwrap();
        }
    }
    watch.stop("spawn@join", n * BATCH)
}

async fn yields(name: &str, tasks: usize, each: usize) -> Samples {
    parallel(name, tasks, tasks * each, |_| async move {
        for _ in 0..each {
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn node_join(first: usize, size: usize) -> JoinHandle<usize> {
    tokio::spawn(async move {
        if size == 1 {
            return first;
        }
        let part = size / 10;
        let children: [_; 10] = std::array::from_fn(|i| node_join(first + i * part, part));
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

fn node_mpsc(out: mpsc::Sender<usize>, first: usize, size: usize) -> JoinHandle<()> {
    tokio::spawn(async move {
        if size == 1 {
            out.send(first).await.unwrap();
            return;
        }
        let part = size / 10;
        let (tx, mut rx) = mpsc::channel(10);
        for i in 0..10 {
            node_mpsc(tx.clone(), first + i * part, part);
        }
        drop(tx);
        let mut sum = 0;
        while let Some(value) = rx.recv().await {
            sum += value;
        }
        out.send(sum).await.unwrap();
    })
}

async fn skynet_join(name: &str, leaves: usize) -> Samples {
    let rounds = (scaled(1_000_000) / leaves).max(1);
    let watch = Stopwatch::start();
    for _ in 0..rounds {
        assert_eq!(node_join(0, leaves).await.unwrap(), leaves * (leaves - 1) / 2);
    }
    watch.stop(&format!("{name}@join"), rounds * ((leaves * 10 - 1) / 9))
}

async fn skynet_mpsc(name: &str, leaves: usize) -> Samples {
    let rounds = (scaled(1_000_000) / leaves).max(1);
    let watch = Stopwatch::start();
    for _ in 0..rounds {
        let (tx, mut rx) = mpsc::channel(1);
        node_mpsc(tx, 0, leaves);
        assert_eq!(rx.recv().await, Some(leaves * (leaves - 1) / 2));
    }
    watch.stop(&format!("{name}@mpsc"), rounds * ((leaves * 10 - 1) / 9))
}

async fn spawn_mem(name: &str, n: usize) -> Samples {
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::new((gate, AtomicUsize::new(0), WaitGroup::new(n)));
    let before = resident_bytes();
    let watch = Stopwatch::start();
    for _ in 0..n {
        let shared = shared.clone();
        tokio::spawn(async move {
            shared.1.fetch_add(1, Relaxed);
            let _ = shared.0.acquire().await;
            shared.2.done();
        });
    }
    while shared.1.load(Relaxed) != n {
        tokio::task::yield_now().await;
    }
    let mut samples = watch.stop(name, n);
    tokio::time::sleep(Duration::from_millis(20)).await;
    samples[0].bytes = (resident_bytes() - before) / n as f64;
    let watch = Stopwatch::start();
    shared.0.close();
    shared.2.wait().await;
    samples.extend(watch.stop(&format!("{name}_wake"), n));
    samples
}
