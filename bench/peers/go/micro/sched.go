// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func init() {
	register("spawn", spawn)
	register("yield_2", func() []sample { return yield("yield_2", 2, scaled(2_000_000)) })
	register("yield_1000", func() []sample { return yield("yield_1000", 1000, scaled(3_000)) })
	register("skynet", func() []sample { return skynet("skynet", 1_000_000, 0) })
	register("skynet@buf10", func() []sample { return skynet("skynet@buf10", 1_000_000, 10) })
	register("skynet@group", func() []sample { return skynetWaitGroup("skynet@group", 1_000_000) })
	register("skynet_100k", func() []sample { return skynet("skynet_100k", 100_000, 0) })
	register("skynet_100k@buf10", func() []sample { return skynet("skynet_100k@buf10", 100_000, 10) })
	register("skynet_100k@group", func() []sample { return skynetWaitGroup("skynet_100k@group", 100_000) })
	registerOnce("spawn_mem_100k", func() []sample { return spawnMem("spawn_mem_100k", 100_000) })
	registerOnce("spawn_mem_1m", func() []sample { return spawnMem("spawn_mem_1m", 1_000_000) })
}

func spawn() []sample {
	const batch = 10_000
	n := scaled(50)
	var count atomic.Int64
	watch := start()
	for range n {
		var done sync.WaitGroup
		done.Add(batch)
		for range batch {
			go func() { done.Done() }()
		}
		done.Wait()
		count.Add(batch)
	}
	s := watch.stop("spawn", n*batch)
	if count.Load() != int64(n*batch) {
		panic("spawn: lost goroutines")
	}
	return s
}

func yield(name string, goroutines, each int) []sample {
	return parallel(name, goroutines, goroutines*each, func(int) {
		for range each {
			runtime.Gosched()
		}
	})
}

func skynetNode(out chan<- int, first, size, capacity int) {
	if size == 1 {
		out <- first
		return
	}
	in := make(chan int, capacity)
	part := size / 10
	for i := range 10 {
		go skynetNode(in, first+i*part, part, capacity)
	}
	sum := 0
	for range 10 {
		sum += <-in
	}
	out <- sum
}

func skynet(name string, leaves, capacity int) []sample {
	rounds := max(1, scaled(1_000_000)/leaves)
	goroutines := (leaves*10 - 1) / 9
	watch := start()
	for range rounds {
		out := make(chan int)
		go skynetNode(out, 0, leaves, capacity)
		if sum := <-out; sum != leaves*(leaves-1)/2 {
			panic("skynet: wrong sum")
		}
	}
	return watch.stop(name, rounds*goroutines)
}

func skynetSum(done *sync.WaitGroup, out *int, first, size int) {
	defer done.Done()
	if size == 1 {
		*out = first
		return
	}
	part := size / 10
	var sums [10]int
	var children sync.WaitGroup
	children.Add(10)
	for i := range 10 {
		go skynetSum(&children, &sums[i], first+i*part, part)
	}
	children.Wait()
	sum := 0
	for _, s := range sums {
		sum += s
	}
	*out = sum
}

func skynetWaitGroup(name string, leaves int) []sample {
	rounds := max(1, scaled(1_000_000)/leaves)
	goroutines := (leaves*10 - 1) / 9
	watch := start()
	for range rounds {
		var done sync.WaitGroup
		var sum int
		done.Add(1)
		go skynetSum(&done, &sum, 0, leaves)
		done.Wait()
		if sum != leaves*(leaves-1)/2 {
			panic("skynet: wrong sum")
		}
	}
	return watch.stop(name, rounds*goroutines)
}

func spawnMem(name string, n int) []sample {
	gate := make(chan struct{})
	var parked atomic.Int64
	var done sync.WaitGroup
	done.Add(n)
	runtime.GC()
	before := residentBytes()
	watch := start()
	for range n {
		go func() {
			parked.Add(1)
			<-gate
			done.Done()
		}()
	}
	for parked.Load() != int64(n) {
		runtime.Gosched()
	}
	samples := watch.stop(name, n)
	time.Sleep(20 * time.Millisecond)
	samples[0].bytes_ = float64(residentBytes()-before) / float64(n)
	watch = start()
	close(gate)
	done.Wait()
	return append(samples, watch.stop(name+"_wake", n)...)
}
