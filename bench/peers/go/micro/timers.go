// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

func init() {
	register("timer", timerNew)
	register("timer_reuse", timerReuse)
	register("ctx_timeout", func() []sample { return contextTimeout("ctx_timeout", context.Background()) })
	register("ctx_child", func() []sample {
		root, cancel := context.WithCancel(context.Background())
		defer cancel()
		return contextTimeout("ctx_child", root)
	})
	register("ctx_cancel", contextCancel)
}

// earlierTimer is there in every language: what any service has, and what tokio needs for speed.
func earlierTimer() *time.Timer { return time.AfterFunc(30*time.Minute, func() {}) }

func timerNew() []sample {
	defer earlierTimer().Stop()
	n := scaled(500_000)
	stopped := 0
	watch := start()
	for range n {
		timer := time.NewTimer(time.Hour)
		if timer.Stop() {
			stopped++
		}
	}
	s := watch.stop("timer", n)
	check(stopped, n)
	return s
}

func timerReuse() []sample {
	defer earlierTimer().Stop()
	n := scaled(1_000_000)
	timer := time.AfterFunc(time.Hour, func() {})
	timer.Stop()
	stopped := 0
	watch := start()
	for range n {
		timer.Reset(time.Hour)
		if timer.Stop() {
			stopped++
		}
	}
	s := watch.stop("timer_reuse", n)
	check(stopped, n)
	return s
}

func contextTimeout(name string, parent context.Context) []sample {
	defer earlierTimer().Stop()
	n := scaled(300_000)
	cancelled := 0
	watch := start()
	for range n {
		child, cancel := context.WithTimeout(parent, time.Hour)
		cancel()
		if child.Err() != nil {
			cancelled++
		}
	}
	s := watch.stop(name, n)
	check(cancelled, n)
	return s
}

func contextCancel() []sample {
	n := scaled(500_000)
	root, stop := context.WithCancel(context.Background())
	defer stop()
	cancelled := 0
	watch := start()
	for range n {
		child, cancel := context.WithCancel(root)
		cancel()
		if child.Err() != nil {
			cancelled++
		}
	}
	s := watch.stop("ctx_cancel", n)
	check(cancelled, n)
	return s
}
