// SPDX-License-Identifier: Apache-2.0

//! tokio's own channel holds at least one item; "unbuffered" is therefore tokio's mpsc of one,
//! async-channel of one, or a true rendezvous by flume and kanal.

use crate::harness::*;
use crate::workload;
use tokio::sync::mpsc;

/// The channels behind one face; every call is a direct forward that the compiler inlines.
pub trait Kind: 'static {
    type Tx: Send + Sync + 'static;
    type Rx: Send + Sync + 'static;
    const RENDEZVOUS: usize;
    /// Whether select! may drop a receive in flight without losing an item.
    const CANCEL_SAFE: bool = true;
    fn make(capacity: usize) -> (Self::Tx, Self::Rx);
    fn send(tx: &Self::Tx, v: usize) -> impl Future<Output = ()> + Send;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = Option<usize>> + Send;
}

pub struct Mpsc;
impl Kind for Mpsc {
    type Tx = mpsc::Sender<usize>;
    type Rx = mpsc::Receiver<usize>;
    const RENDEZVOUS: usize = 1;
    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        mpsc::channel(capacity)
    }
    async fn send(tx: &Self::Tx, v: usize) {
        let _ = tx.send(v).await;
    }
    async fn recv(rx: &mut Self::Rx) -> Option<usize> {
        rx.recv().await
    }
}

pub struct Flume;
impl Kind for Flume {
    type Tx = flume::Sender<usize>;
    type Rx = flume::Receiver<usize>;
    const RENDEZVOUS: usize = 0;
    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        flume::bounded(capacity)
    }
    async fn send(tx: &Self::Tx, v: usize) {
        let _ = tx.send_async(v).await;
    }
    async fn recv(rx: &mut Self::Rx) -> Option<usize> {
        rx.recv_async().await.ok()
    }
}

/// Neither cancel-safe nor cooperative (a busy task never gives way): shown, but not counted as a
/// rival in bench/run.
pub struct Kanal;
impl Kind for Kanal {
    type Tx = kanal::AsyncSender<usize>;
    type Rx = kanal::AsyncReceiver<usize>;
    const RENDEZVOUS: usize = 0;
    const CANCEL_SAFE: bool = false;
    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        kanal::bounded_async(capacity)
    }
    async fn send(tx: &Self::Tx, v: usize) {
        let _ = tx.send(v).await;
    }
    async fn recv(rx: &mut Self::Rx) -> Option<usize> {
        rx.recv().await.ok()
    }
}

pub struct AsyncChannel;
impl Kind for AsyncChannel {
    type Tx = async_channel::Sender<usize>;
    type Rx = async_channel::Receiver<usize>;
    const RENDEZVOUS: usize = 1;
    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        async_channel::bounded(capacity)
    }
    async fn send(tx: &Self::Tx, v: usize) {
        let _ = tx.send(v).await;
    }
    async fn recv(rx: &mut Self::Rx) -> Option<usize> {
        rx.recv().await.ok()
    }
}

pub fn register(all: &mut Vec<Workload>) {
    register_kind::<Mpsc>(all, "mpsc");
    register_kind::<Flume>(all, "flume");
    register_kind::<Kanal>(all, "kanal");
    register_kind::<AsyncChannel>(all, "async_channel");
    workload!(all, "select4_default", select4_default());
}

fn register_kind<K: Kind>(all: &mut Vec<Workload>, kind: &'static str) {
    workload!(all, format!("chan_unbuf@{kind}"), unbuffered::<K>(kind));
    workload!(all, format!("chan_buf@{kind}"), buffered::<K>(kind));
    workload!(all, format!("chan_uncontended@{kind}"), uncontended::<K>(kind));
    if K::CANCEL_SAFE {
        workload!(all, format!("select4@{kind}"), select4::<K>(kind));
    }
}

async fn unbuffered<K: Kind>(kind: &str) -> Samples {
    let n = scaled(500_000);
    let (ping_tx, mut ping_rx) = K::make(K::RENDEZVOUS);
    let (pong_tx, mut pong_rx) = K::make(K::RENDEZVOUS);
    tokio::spawn(async move {
        while let Some(v) = K::recv(&mut ping_rx).await {
            K::send(&pong_tx, v).await;
        }
    });
    let mut sum = 0;
    let watch = Stopwatch::start();
    for i in 0..n {
        K::send(&ping_tx, i).await;
        sum += K::recv(&mut pong_rx).await.unwrap();
    }
    let samples = watch.stop(&format!("chan_unbuf@{kind}"), n);
    assert_eq!(sum, n * (n - 1) / 2);
    samples
}

async fn buffered<K: Kind>(kind: &str) -> Samples {
    let n = scaled(4_000_000);
    let (tx, mut rx) = K::make(128);
    let watch = Stopwatch::start();
    tokio::spawn(async move {
        for i in 0..n {
            K::send(&tx, i).await;
        }
    });
    let mut sum = 0;
    while let Some(v) = K::recv(&mut rx).await {
        sum += v;
    }
    let samples = watch.stop(&format!("chan_buf@{kind}"), n);
    assert_eq!(sum, n * (n - 1) / 2);
    samples
}

async fn uncontended<K: Kind>(kind: &str) -> Samples {
    let n = scaled(5_000_000);
    let (tx, mut rx) = K::make(128);
    let mut sum = 0;
    let watch = Stopwatch::start();
    for i in 0..n {
        K::send(&tx, i).await;
        sum += K::recv(&mut rx).await.unwrap();
    }
    let samples = watch.stop(&format!("chan_uncontended@{kind}"), n);
    assert_eq!(sum, n * (n - 1) / 2);
    samples
}

async fn select4<K: Kind>(kind: &str) -> Samples {
    let n = scaled(500_000);
    let ((ta, mut a), (tb, mut b)) = (K::make(K::RENDEZVOUS), K::make(K::RENDEZVOUS));
    let ((tc, mut c), (td, mut d)) = (K::make(K::RENDEZVOUS), K::make(K::RENDEZVOUS));
    let watch = Stopwatch::start();
    let sender = tokio::spawn(async move {
        let senders = [ta, tb, tc, td];
        let mut r = Rng::new(7);
        for i in 0..n {
            K::send(&senders[(r.next() >> 33 & 3) as usize], i).await;
        }
        senders // kept open until the receiver has everything
    });
    let mut sum = 0;
    for _ in 0..n {
        sum += tokio::select! {
            Some(v) = K::recv(&mut a) => v,
            Some(v) = K::recv(&mut b) => v,
            Some(v) = K::recv(&mut c) => v,
            Some(v) = K::recv(&mut d) => v,
        };
    }
    let samples = watch.stop(&format!("select4@{kind}"), n);
    drop(sender.await.unwrap());
    assert_eq!(sum, n * (n - 1) / 2);
    samples
}

async fn select4_default() -> Samples {
    let n = scaled(3_000_000);
    let mut ends: [_; 4] = std::array::from_fn(|_| mpsc::channel::<usize>(1));
    let mut misses = 0;
    let watch = Stopwatch::start();
    for _ in 0..n {
        if ends.iter_mut().all(|(_, rx)| rx.try_recv().is_err()) {
            misses += 1;
        }
    }
    let samples = watch.stop("select4_default", n);
    assert_eq!(misses, n);
    samples
}
