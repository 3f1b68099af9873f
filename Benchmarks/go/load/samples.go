package main

import (
	"slices"
	"sync"
	"time"
)

// sample is one request that was answered, or broke (status 0).
type sample struct {
	sent       time.Time
	lag        time.Duration
	latency    time.Duration
	status     int
	retryAfter bool
}

// samples is what several connections saw.
type samples struct {
	lock   sync.Mutex
	values []sample
}

func (samples *samples) add(value sample) {
	samples.lock.Lock()
	samples.values = append(samples.values, value)
	samples.lock.Unlock()
}

type percentiles struct {
	P50 int64 `json:"p50_us"`
	P99 int64 `json:"p99_us"`
	Max int64 `json:"max_us"`
}

// percentilesOf is in microseconds; all zero for nothing.
func percentilesOf(durations []time.Duration) percentiles {
	if len(durations) == 0 {
		return percentiles{}
	}
	slices.Sort(durations)
	at := func(share float64) int64 {
		return durations[min(len(durations)-1, int(share*float64(len(durations))))].Microseconds()
	}
	return percentiles{at(0.50), at(0.99), durations[len(durations)-1].Microseconds()}
}

func latencies(values []sample, wanted func(sample) bool) []time.Duration {
	var found []time.Duration
	for _, value := range values {
		if wanted(value) {
			found = append(found, value.latency)
		}
	}
	return found
}
