// SPDX-License-Identifier: Apache-2.0

package main

func init() {
	register("chan_unbuf", chanUnbuffered)
	register("chan_buf", chanBuffered)
	register("chan_uncontended", chanUncontended)
	register("select4", select4)
	register("select4_default", select4Default)
}

func check(got, want int) {
	if got != want {
		panic("wrong sum")
	}
}

func chanUnbuffered() []sample {
	n := scaled(500_000)
	ping, pong := make(chan int), make(chan int)
	go func() {
		for v := range ping {
			pong <- v
		}
		close(pong)
	}()
	sum := 0
	watch := start()
	for i := range n {
		ping <- i
		sum += <-pong
	}
	s := watch.stop("chan_unbuf", n)
	close(ping)
	check(sum, n*(n-1)/2)
	return s
}

func chanBuffered() []sample {
	n := scaled(4_000_000)
	c := make(chan int, 128)
	watch := start()
	go func() {
		for i := range n {
			c <- i
		}
		close(c)
	}()
	sum := 0
	for v := range c {
		sum += v
	}
	s := watch.stop("chan_buf", n)
	check(sum, n*(n-1)/2)
	return s
}

func chanUncontended() []sample {
	n := scaled(5_000_000)
	c := make(chan int, 128)
	sum := 0
	watch := start()
	for i := range n {
		c <- i
		sum += <-c
	}
	s := watch.stop("chan_uncontended", n)
	check(sum, n*(n-1)/2)
	return s
}

func select4() []sample {
	n := scaled(500_000)
	var c [4]chan int
	for i := range c {
		c[i] = make(chan int)
	}
	watch := start()
	go func() {
		r := newRng(7)
		for i := range n {
			c[r.next()>>33&3] <- i
		}
	}()
	sum := 0
	for range n {
		select {
		case v := <-c[0]:
			sum += v
		case v := <-c[1]:
			sum += v
		case v := <-c[2]:
			sum += v
		case v := <-c[3]:
			sum += v
		}
	}
	s := watch.stop("select4", n)
	check(sum, n*(n-1)/2)
	return s
}

func select4Default() []sample {
	n := scaled(3_000_000)
	var c [4]chan int
	for i := range c {
		c[i] = make(chan int, 1)
	}
	misses := 0
	watch := start()
	for range n {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		default:
			misses++
		}
	}
	s := watch.stop("select4_default", n)
	check(misses, n)
	return s
}
