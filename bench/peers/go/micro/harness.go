// SPDX-License-Identifier: Apache-2.0

// Command micro measures Go's runtime primitives, one workload per name.
//
//	micro [-p GOMAXPROCS] [-r repetitions] [-s scale] [-list] workload...
//
// One line per workload, tab separated; "-" where a figure makes no sense:
//
//	name  median_ns  min_ns  median_cpu_ns  min_cpu_ns  allocs_per_op  bytes_per_item  repetitions
//
// A name is "workload" or "workload@variant": variants do the same op in different idioms, and the
// comparison takes the fastest. The ops are defined in bench/README.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sample is what one repetition yields, each figure per op.
type sample struct {
	name                    string
	ns, cpu, allocs, bytes_ float64
}

const none = -1

type workload struct {
	name string
	once bool // runs once in a process and without warm-up: it measures memory
	run  func() []sample
}

var (
	procs     = flag.Int("p", runtime.NumCPU(), "GOMAXPROCS")
	reps      = flag.Int("r", 3, "repetitions after one warm-up")
	scale     = flag.Float64("s", 1, "scale on operation counts")
	list      = flag.Bool("list", false, "print the workload names")
	workloads []workload
)

func register(name string, run func() []sample) {
	workloads = append(workloads, workload{name, false, run})
}

func registerOnce(name string, run func() []sample) {
	workloads = append(workloads, workload{name, true, run})
}

func scaled(n int) int { return max(1, int(float64(n)**scale)) }

func cpuNow() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

// stopwatch measures wall time, CPU time and allocations from start to stop.
type stopwatch struct {
	allocs uint64
	cpu    time.Duration
	wall   time.Time
}

func start() stopwatch {
	allocs := mallocs()
	cpu := cpuNow()
	return stopwatch{allocs, cpu, time.Now()}
}

func (s stopwatch) stop(name string, ops int) []sample {
	wall := time.Since(s.wall)
	cpu := cpuNow() - s.cpu
	allocs := mallocs() - s.allocs
	n := float64(ops)
	return []sample{{name, float64(wall) / n, float64(cpu) / n, float64(allocs) / n, none}}
}

// parallel times body(i) in n goroutines that are released together.
func parallel(name string, n, ops int, body func(id int)) []sample {
	gate := make(chan struct{})
	var done sync.WaitGroup
	for id := range n {
		done.Add(1)
		go func() {
			defer done.Done()
			<-gate
			body(id)
		}()
	}
	runtime.Gosched()
	watch := start()
	close(gate)
	done.Wait()
	return watch.stop(name, ops)
}

// median expects sorted values.
func median(values []float64) float64 {
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func show(value float64, format string) string {
	if value < 0 {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

func measure(w workload) {
	count := *reps
	if w.once {
		count = 1
	} else {
		w.run()
	}
	got := map[string][]sample{}
	var order []string
	for range count {
		runtime.GC()
		for _, s := range w.run() {
			if got[s.name] == nil {
				order = append(order, s.name)
			}
			got[s.name] = append(got[s.name], s)
		}
	}
	for _, name := range order {
		var ns, cpu, allocs, bytes []float64
		for _, s := range got[name] {
			ns, cpu = append(ns, s.ns), append(cpu, s.cpu)
			allocs, bytes = append(allocs, s.allocs), append(bytes, s.bytes_)
		}
		for _, values := range [][]float64{ns, cpu, allocs, bytes} {
			sort.Float64s(values)
		}
		fmt.Printf("%s\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%d\n", name, median(ns), ns[0],
			show(median(cpu), "%.2f"), show(cpu[0], "%.2f"), show(median(allocs), "%.3f"),
			show(median(bytes), "%.0f"), count)
	}
}

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	if *list {
		for _, w := range workloads {
			fmt.Println(w.name)
		}
		return
	}
	for _, name := range flag.Args() {
		found := false
		for _, w := range workloads {
			if name == w.name || name == "all" {
				found = true
				measure(w)
			}
		}
		if !found {
			fmt.Fprintln(os.Stderr, "no such workload:", name)
			os.Exit(2)
		}
	}
}

// rng is a xorshift generator, the same in every language here.
type rng uint64

func newRng(seed int) rng { return rng(uint64(seed)*0x9E3779B97F4A7C15 + 0x1234567) }

func (r *rng) next() uint64 {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = rng(x)
	return x
}
