// SPDX-License-Identifier: Apache-2.0

use crate::chans::*;
use crate::harness::*;
use crate::workload;
use std::sync::Arc;

const TASKS: usize = 64;

pub fn register(all: &mut Vec<Workload>) {
    register_kind::<Mpsc>(all, "mpsc");
    register_kind::<Flume>(all, "flume");
    register_kind::<Kanal>(all, "kanal");
    register_kind::<AsyncChannel>(all, "async_channel");
    workload!(all, "mutex@tokio", tokio_mutex());
    workload!(all, "mutex@std", std_mutex());
}

fn register_kind<K: Kind>(all: &mut Vec<Workload>, kind: &'static str) {
    workload!(all, format!("chan_pairs@{kind}"), pairs::<K>(kind));
    workload!(all, format!("chan_fanin@{kind}"), fan_in::<K>(kind));
}

async fn pairs<K: Kind>(kind: &str) -> Samples {
    let each = scaled(20_000);
    parallel(&format!("chan_pairs@{kind}"), TASKS, TASKS * each, |_| async move {
        let (ping_tx, mut ping_rx) = K::make(K::RENDEZVOUS);
        let (pong_tx, mut pong_rx) = K::make(K::RENDEZVOUS);
        tokio::spawn(async move {
            while let Some(v) = K::recv(&mut ping_rx).await {
                K::send(&pong_tx, v).await;
            }
        });
        let mut sum = 0;
        for i in 0..each {
            K::send(&ping_tx, i).await;
            sum += K::recv(&mut pong_rx).await.unwrap();
        }
        assert_eq!(sum, each * (each - 1) / 2);
    })
    .await
}

async fn fan_in<K: Kind>(kind: &str) -> Samples {
    let each = scaled(20_000);
    let (tx, mut rx) = K::make(128);
    let tx = Arc::new(tx);
    let receiver = tokio::spawn(async move {
        let mut sum = 0;
        for _ in 0..TASKS * each {
            sum += K::recv(&mut rx).await.unwrap();
        }
        assert_eq!(sum, TASKS * (each * (each - 1) / 2));
    });
    let samples = parallel(&format!("chan_fanin@{kind}"), TASKS, TASKS * each, |_| {
        let tx = tx.clone();
        async move {
            for i in 0..each {
                K::send(&tx, i).await;
            }
        }
    })
    .await;
    receiver.await.unwrap();
    samples
}

async fn tokio_mutex() -> Samples {
    let each = scaled(30_000);
    let count = Arc::new(tokio::sync::Mutex::new(0));
    let samples = parallel("mutex@tokio", TASKS, TASKS * each, |_| {
        let count = count.clone();
        async move {
            for _ in 0..each {
                *count.lock().await += 1;
            }
        }
    })
    .await;
    assert_eq!(*count.lock().await, TASKS * each);
    samples
}

async fn std_mutex() -> Samples {
    let each = scaled(30_000);
    let count = Arc::new(std::sync::Mutex::new(0));
    let samples = parallel("mutex@std", TASKS, TASKS * each, |_| {
        let count = count.clone();
        async move {
            for _ in 0..each {
                *count.lock().unwrap() += 1;
            }
        }
    })
    .await;
    assert_eq!(*count.lock().unwrap(), TASKS * each);
    samples
}
