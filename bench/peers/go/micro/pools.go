// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

func init() {
	register("pool", func() []sample { return pool("pool", 4_000_000, pooled) })
	register("s8_new", func() []sample { return pool("s8_new", 1_000_000, fresh) })
	register("s8_pool", func() []sample { return pool("s8_pool", 1_000_000, pooled) })
	register("s8_prealloc", func() []sample { return pool("s8_prealloc", 1_000_000, preallocated) })
}

const bufferBytes = 1024

var bufferPool = sync.Pool{New: func() any {
	buffer := make([]byte, bufferBytes)
	return &buffer
}}

var keep []byte // makes a buffer escape, as one handed to a writer would

// Each loop fills in one byte of a 1 KiB buffer and reads it back.
func fresh(n int) (sum int) {
	for i := range n {
		buffer := make([]byte, bufferBytes)
		buffer[i&1023] = byte(i)
		keep = buffer
		sum += int(buffer[i&1023])
	}
	return sum
}

func pooled(n int) (sum int) {
	for i := range n {
		buffer := bufferPool.Get().(*[]byte)
		(*buffer)[i&1023] = byte(i)
		sum += int((*buffer)[i&1023])
		bufferPool.Put(buffer)
	}
	return sum
}

func preallocated(n int) (sum int) {
	buffer := make([]byte, bufferBytes)
	keep = buffer
	for i := range n {
		reused := keep[:bufferBytes]
		reused[i&1023] = byte(i)
		sum += int(reused[i&1023])
	}
	return sum
}

// pool runs the loop on P goroutines; op = one buffer used, over all of them.
func pool(name string, count int, loop func(n int) int) []sample {
	n := scaled(count)
	var mu sync.Mutex
	total := 0
	s := parallel(name, *procs, n**procs, func(int) {
		sum := loop(n)
		mu.Lock()
		total += sum
		mu.Unlock()
	})
	want := 0
	for i := range n {
		want += int(byte(i))
	}
	check(total, want**procs)
	return s
}
