// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

func init() {
	register("chan_pairs", chanPairs)
	register("chan_fanin", chanFanIn)
	register("mutex", mutex)
}

const goroutines = 64

func chanPairs() []sample {
	each := scaled(20_000)
	return parallel("chan_pairs", goroutines, goroutines*each, func(int) {
		ping, pong := make(chan int), make(chan int)
		go func() {
			for v := range ping {
				pong <- v
			}
			close(pong)
		}()
		sum := 0
		for i := range each {
			ping <- i
			sum += <-pong
		}
		close(ping)
		check(sum, each*(each-1)/2)
	})
}

func chanFanIn() []sample {
	each := scaled(20_000)
	c := make(chan int, 128)
	done := make(chan struct{})
	go func() {
		sum := 0
		for range goroutines * each {
			sum += <-c
		}
		check(sum, goroutines*(each*(each-1)/2))
		close(done)
	}()
	s := parallel("chan_fanin", goroutines, goroutines*each, func(int) {
		for i := range each {
			c <- i
		}
	})
	<-done
	return s
}

func mutex() []sample {
	each := scaled(30_000)
	var mu sync.Mutex
	count := 0
	s := parallel("mutex", goroutines, goroutines*each, func(int) {
		for range each {
			mu.Lock()
			count++
			mu.Unlock()
		}
	})
	check(count, goroutines*each)
	return s
}
