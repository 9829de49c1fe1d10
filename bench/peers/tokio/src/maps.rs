// SPDX-License-Identifier: Apache-2.0

use crate::harness::*;
use crate::workload;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

trait Table: Send + Sync + 'static {
    fn load(&self, key: u64) -> Option<u64>;
    fn store(&self, key: u64, value: u64);
}

#[derive(Default)]
struct Locked(parking_lot::RwLock<HashMap<u64, u64, RandomState>>);
impl Table for Locked {
    fn load(&self, key: u64) -> Option<u64> {
        self.0.read().get(&key).copied()
    }
    fn store(&self, key: u64, value: u64) {
        self.0.write().insert(key, value);
    }
}

#[derive(Default)]
struct Dash(dashmap::DashMap<u64, u64, RandomState>);
impl Table for Dash {
    fn load(&self, key: u64) -> Option<u64> {
        self.0.get(&key).map(|value| *value)
    }
    fn store(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }
}

#[derive(Default)]
struct Papaya(papaya::HashMap<u64, u64, RandomState>);
impl Table for Papaya {
    fn load(&self, key: u64) -> Option<u64> {
        self.0.pin().get(&key).copied()
    }
    fn store(&self, key: u64, value: u64) {
        self.0.pin().insert(key, value);
    }
}

pub fn register(all: &mut Vec<Workload>) {
    for (suffix, keys) in [("", 1_000_000), ("_small", 1_000)] {
        for writes in [1, 10] {
            let name = format!("map_read{}{suffix}", 100 - writes);
            add::<Locked>(all, format!("{name}@rw"), keys, writes);
            add::<Dash>(all, format!("{name}@dashmap"), keys, writes);
            add::<Papaya>(all, format!("{name}@papaya"), keys, writes);
        }
    }
}

fn add<T: Table + Default>(all: &mut Vec<Workload>, name: String, keys: u64, writes: u64) {
    let table: OnceLock<Arc<T>> = OnceLock::new();
    workload!(all, name.clone(), {
        let table = table.get_or_init(|| filled(keys)).clone();
        access(name.clone(), table, keys, writes)
    });
}

fn filled<T: Table + Default>(keys: u64) -> Arc<T> {
    let table = T::default();
    (0..keys).for_each(|key| table.store(key, key));
    Arc::new(table)
}

/// Reads or overwrites uniformly random present keys in P tasks.
async fn access<T: Table>(name: String, table: Arc<T>, keys: u64, writes: u64) -> Samples {
    let each = scaled(2_000_000) / procs();
    parallel(&name, procs(), each * procs(), |id| {
        let table = table.clone();
        async move {
            let mut r = Rng::new(id + 1);
            for _ in 0..each {
                let x = r.next();
                let key = (x >> 20) % keys;
                if (x & 0xfffff) % 100 < writes {
                    table.store(key, key);
                } else {
                    assert_eq!(table.load(key), Some(key));
                }
            }
        }
    })
    .await
}
