// SPDX-License-Identifier: Apache-2.0

//! micro [-p WORKERS] [-mt] [-r REPETITIONS] [-s SCALE] [-list] WORKLOAD...
//!
//! The output is that of the Go program. `-p 1` is the current_thread runtime, or with `-mt` the
//! multi_thread runtime with one worker; `-p 2` and more is multi_thread.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore};

pub static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
pub static COUNTING: AtomicBool = AtomicBool::new(false);
static SCALE: OnceLock<f64> = OnceLock::new();
static PROCS: OnceLock<usize> = OnceLock::new();

/// What one repetition yields, each figure per op; negative: not measured.
pub struct Sample {
    pub name: String,
    pub ns: f64,
    pub cpu: f64,
    pub allocs: f64,
    pub bytes: f64,
}
pub type Samples = Vec<Sample>;
pub type Run = Pin<Box<dyn Future<Output = Samples> + Send>>;

pub struct Workload {
    pub name: String,
    /// Runs once in a process and without warm-up: it measures memory.
    pub once: bool,
    pub run: Box<dyn Fn() -> Run>,
}

#[macro_export]
macro_rules! workload {
    ($list:ident, $name:expr, $run:expr) => {
        $list.push($crate::harness::Workload {
            name: String::from($name),
            once: false,
            run: Box::new(move || Box::pin($run)),
        })
    };
}

pub fn scaled(n: usize) -> usize {
    ((n as f64 * SCALE.get().unwrap()) as usize).max(1)
}

pub fn procs() -> usize {
    *PROCS.get().unwrap()
}

fn cpu_ns() -> f64 {
    // SAFETY: getrusage fills in the struct it is given.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let ns = |t: libc::timeval| t.tv_sec as f64 * 1e9 + t.tv_usec as f64 * 1e3;
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

pub fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

/// Wall time, CPU time and allocations from start to stop.
pub struct Stopwatch {
    allocs: u64,
    cpu: f64,
    wall: Instant,
}

impl Stopwatch {
    pub fn start() -> Self {
        let (allocs, cpu) = (ALLOCATIONS.load(SeqCst), cpu_ns());
        Stopwatch { allocs, cpu, wall: Instant::now() }
    }

    pub fn stop(&self, name: &str, ops: usize) -> Samples {
        let wall = self.wall.elapsed().as_nanos() as f64;
        let (cpu, n) = (cpu_ns() - self.cpu, ops as f64);
        let allocs = (ALLOCATIONS.load(SeqCst) - self.allocs) as f64;
        let allocs = if COUNTING.load(Relaxed) { allocs / n } else { -1.0 };
        vec![Sample { name: name.into(), ns: wall / n, cpu: cpu / n, allocs, bytes: -1.0 }]
    }
}

/// A xorshift generator, the same in every language here.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: usize) -> Self {
        Rng((seed as u64).wrapping_mul(0x9E3779B97F4A7C15).wrapping_add(0x1234567))
    }
    #[inline]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A countdown: the cheapest way to wait for many tasks without their results.
pub struct WaitGroup {
    left: AtomicUsize,
    zero: Notify,
}

impl WaitGroup {
    pub fn new(n: usize) -> Self {
        WaitGroup { left: AtomicUsize::new(n), zero: Notify::new() }
    }
    pub fn reset(&self, n: usize) {
        self.left.store(n, SeqCst);
    }
    pub fn done(&self) {
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.zero.notify_one();
        }
    }
    pub async fn wait(&self) {
        while self.left.load(Acquire) != 0 {
            self.zero.notified().await;
        }
    }
}

/// Times body(id) in n tasks that are released together.
pub async fn parallel<F, Fut>(name: &str, n: usize, ops: usize, body: F) -> Samples
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(0));
    let mut tasks = Vec::new();
    for id in 0..n {
        let (gate, run) = (gate.clone(), body(id));
        tasks.push(tokio::spawn(async move {
            let _ = gate.acquire().await;
            run.await;
        }));
    }
    tokio::task::yield_now().await;
    let watch = Stopwatch::start();
    gate.close();
    for task in tasks {
        task.await.unwrap();
    }
    watch.stop(name, ops)
}

fn median(sorted: &[f64]) -> f64 {
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn show(value: f64, digits: usize) -> String {
    if value < 0.0 { "-".into() } else { format!("{value:.digits$}") }
}

fn measure(workload: &Workload, reps: usize, runtime: &tokio::runtime::Runtime) {
    // As a task, so that it runs where the runtime runs tasks.
    let run = || runtime.block_on(runtime.spawn((workload.run)())).unwrap();
    let reps = if workload.once { 1 } else { reps };
    if !workload.once {
        run();
    }
    let mut got: BTreeMap<String, [Vec<f64>; 4]> = BTreeMap::new();
    for _ in 0..reps {
        for s in run() {
            let columns = got.entry(s.name).or_default();
            for (column, value) in columns.iter_mut().zip([s.ns, s.cpu, s.allocs, s.bytes]) {
                column.push(value);
            }
        }
    }
    for (name, mut columns) in got {
        columns.iter_mut().for_each(|c| c.sort_by(f64::total_cmp));
        let [ns, cpu, allocs, bytes] = &columns;
        println!(
            "{name}\t{}\t{}\t{}\t{}\t{}\t{}\t{reps}",
            show(median(ns), 2),
            show(ns[0], 2),
            show(median(cpu), 2),
            show(cpu[0], 2),
            show(median(allocs), 3),
            show(median(bytes), 0)
        );
    }
}

pub fn main() {
    let (mut p, mut reps, mut scale) = (2, 3, 1.0);
    let (mut list, mut multi_thread, mut names) = (false, false, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-p" => p = args.next().unwrap().parse().unwrap(),
            "-r" => reps = args.next().unwrap().parse().unwrap(),
            "-s" => scale = args.next().unwrap().parse().unwrap(),
            "-list" => list = true,
            "-mt" => multi_thread = true,
            _ => names.push(arg),
        }
    }
    SCALE.set(scale).unwrap();
    PROCS.set(p).unwrap();
    let mut all: Vec<Workload> = Vec::new();
    crate::sched::register(&mut all);
    crate::chans::register(&mut all);
    crate::timers::register(&mut all);
    crate::maps::register(&mut all);
    crate::contention::register(&mut all);
    if list {
        all.iter().for_each(|w| println!("{}", w.name));
        return;
    }
    let runtime = if p == 1 && !multi_thread {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(p).enable_all().build().unwrap()
    };
    for name in names {
        let chosen: Vec<_> = all.iter().filter(|w| w.name == name || name == "all").collect();
        if chosen.is_empty() {
            eprintln!("no such workload: {name}");
            std::process::exit(2);
        }
        chosen.iter().for_each(|w| measure(w, reps, &runtime));
    }
}
