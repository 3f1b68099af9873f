package main

import (
	"sync"
	"time"
)

// inTurn lets every connection ask again as soon as it is answered.
func (load *requestLoad) inTurn(connections int) {
	load.start()
	var group sync.WaitGroup
	for first := range connections {
		group.Go(func() {
			client := &client{address: load.address}
			defer client.close()
			for number := first; time.Now().Before(load.ended); number += connections {
				load.send(client, number, time.Now())
			}
		})
	}
	group.Wait()
	load.arrivals, load.opened = len(load.samples.values), connections
}

// arriving sends at the rate, whatever the answers do, each request on the connection that was freed last.
//
// A connection is opened when none is free; beyond the bound an arrival is counted as unsent.
func (load *requestLoad) arriving(rate float64, connections int) {
	load.start()
	pool := &connectionPool{load: load, bound: connections}
	for time.Now().Before(load.ended) {
		due := int(time.Since(load.started).Seconds() * rate)
		for ; load.arrivals < due; load.arrivals++ {
			at := load.started.Add(time.Duration(float64(load.arrivals) / rate * float64(time.Second)))
			if !pool.send(load.arrivals, at) {
				load.unsent++
			}
		}
		time.Sleep(pause(rate))
	}
	pool.requests.Wait()
	load.opened = pool.opened
}

func (load *requestLoad) start() {
	load.started = time.Now()
	load.ended = load.started.Add(load.length)
}

// pause is short beside the time between two arrivals, and long enough that the loop takes little of the core.
func pause(rate float64) time.Duration {
	between := time.Duration(float64(time.Second) / rate)
	return max(200*time.Microsecond, min(between/2, 5*time.Millisecond))
}

type dispatched struct {
	number int
	due    time.Time
}

type connectionPool struct {
	load   *requestLoad
	bound  int
	opened int
	// The requests under way.
	requests sync.WaitGroup
	lock     sync.Mutex
	free     []chan dispatched
}

func (pool *connectionPool) send(number int, due time.Time) bool {
	work := pool.take()
	if work == nil {
		if pool.opened == pool.bound {
			return false
		}
		pool.opened++
		work = pool.open()
	}
	pool.requests.Add(1)
	work <- dispatched{number, due}
	return true
}

func (pool *connectionPool) take() chan dispatched {
	pool.lock.Lock()
	defer pool.lock.Unlock()
	if len(pool.free) == 0 {
		return nil
	}
	last := pool.free[len(pool.free)-1]
	pool.free = pool.free[:len(pool.free)-1]
	return last
}

// open starts a connection that lives until the program ends.
func (pool *connectionPool) open() chan dispatched {
	work := make(chan dispatched, 1)
	go func() {
		client := &client{address: pool.load.address}
		for next := range work {
			pool.load.send(client, next.number, next.due)
			pool.lock.Lock()
			pool.free = append(pool.free, work)
			pool.lock.Unlock()
			pool.requests.Done()
		}
	}()
	return work
}
