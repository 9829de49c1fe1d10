// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"

	"github.com/puzpuzpuz/xsync/v4"
)

type table interface {
	load(key uint64) (uint64, bool)
	store(key, value uint64)
}

type stdMap struct{ sync.Map }

func (m *stdMap) load(key uint64) (uint64, bool) {
	value, ok := m.Load(key)
	if !ok {
		return 0, false
	}
	return value.(uint64), true
}
func (m *stdMap) store(key, value uint64) { m.Store(key, value) }

type lockedMap struct {
	mu sync.RWMutex
	m  map[uint64]uint64
	_  [64]byte
}

func (m *lockedMap) load(key uint64) (uint64, bool) {
	m.mu.RLock()
	value, ok := m.m[key]
	m.mu.RUnlock()
	return value, ok
}
func (m *lockedMap) store(key, value uint64) {
	m.mu.Lock()
	m.m[key] = value
	m.mu.Unlock()
}

type shardedMap struct{ shards [64]lockedMap }

func (m *shardedMap) shard(key uint64) *lockedMap {
	return &m.shards[key*0x9E3779B97F4A7C15>>58]
}
func (m *shardedMap) load(key uint64) (uint64, bool) { return m.shard(key).load(key) }
func (m *shardedMap) store(key, value uint64)        { m.shard(key).store(key, value) }

type xsyncMap struct{ m *xsync.Map[uint64, uint64] }

func (m xsyncMap) load(key uint64) (uint64, bool) { return m.m.Load(key) }
func (m xsyncMap) store(key, value uint64)        { m.m.Store(key, value) }

func init() {
	for _, size := range []struct {
		suffix string
		keys   uint64
	}{{"", 1_000_000}, {"_small", 1_000}} {
		for _, writes := range []uint64{1, 10} {
			workload := fmt.Sprintf("map_read%d%s", 100-writes, size.suffix)
			for _, kind := range []string{"sync", "rw", "shard", "xsync"} {
				name := workload + "@" + kind
				register(name, func() []sample { return mapAccess(name, kind, size.keys, writes) })
			}
		}
	}
}

var built = map[string]table{}

func filled(kind string, keys uint64) table {
	id := fmt.Sprint(kind, keys)
	if built[id] != nil {
		return built[id]
	}
	var m table
	switch kind {
	case "sync":
		m = &stdMap{}
	case "rw":
		m = &lockedMap{m: map[uint64]uint64{}}
	case "shard":
		sharded := &shardedMap{}
		for i := range sharded.shards {
			sharded.shards[i].m = map[uint64]uint64{}
		}
		m = sharded
	case "xsync":
		m = xsyncMap{xsync.NewMap[uint64, uint64]()}
	}
	for key := range keys {
		m.store(key, key)
	}
	built = map[string]table{id: m}
	return m
}

// mapAccess reads or overwrites uniformly random present keys on P goroutines.
func mapAccess(name, kind string, keys, writes uint64) []sample {
	switch m := filled(kind, keys).(type) {
	case *stdMap:
		return mapLoop(name, keys, writes, m.load, m.store)
	case *lockedMap:
		return mapLoop(name, keys, writes, m.load, m.store)
	case *shardedMap:
		return mapLoop(name, keys, writes, m.load, m.store)
	case xsyncMap:
		return mapLoop(name, keys, writes, m.load, m.store)
	}
	panic(kind)
}

func mapLoop(name string, keys, writes uint64, load func(uint64) (uint64, bool),
	store func(uint64, uint64)) []sample {
	each := scaled(2_000_000) / *procs
	return parallel(name, *procs, each**procs, func(id int) {
		r := newRng(id + 1)
		for range each {
			x := r.next()
			key := x >> 20 % keys
			if x&0xfffff%100 < writes {
				store(key, key)
			} else if value, ok := load(key); !ok || value != key {
				panic("wrong value")
			}
		}
	})
}
