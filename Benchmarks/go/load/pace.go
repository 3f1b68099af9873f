package main

import (
	"sync"
	"time"
)

// firstConnections is with how many arrivals begin.
const firstConnections = 64

// openedPerSecond is more than a server accepts that has no core to spare.
const openedPerSecond = 5000

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

// arriving lets requests be due at the rate, whatever the answers do; each goes out on the connection that was freed last.
//
// While requests wait for one, connections are opened, up to five thousand a second and up to the bound. What still waits
// at the end was never sent; how late the others were sent is the load's own limit.
func (load *requestLoad) arriving(rate float64, connections int) {
	pool := &connectionPool{load: load}
	for range min(connections, firstConnections) {
		pool.open()
	}
	// What arrives within 5 ms: a connection that is free has taken it by then.
	patience := int(rate * 0.005)
	load.start()
	for looked := load.started; time.Now().Before(load.ended); time.Sleep(pause(rate)) {
		allowed := min(int(time.Since(looked).Seconds()*openedPerSecond), pool.length()-patience, connections-pool.opened)
		for range allowed {
			pool.open()
		}
		looked = time.Now()
		for due := 1 + int(time.Since(load.started).Seconds()*rate); load.arrivals < due; load.arrivals++ {
			at := load.started.Add(time.Duration(float64(load.arrivals) / rate * float64(time.Second)))
			pool.add(dispatched{load.arrivals, at})
		}
	}
	load.unsent = pool.finish()
	load.opened = pool.opened
}

func (load *requestLoad) start() {
	load.started = time.Now()
	load.ended = load.started.Add(load.length)
}

// pause is short beside the time between two arrivals, and long enough that the loop takes little of the core.
func pause(rate float64) time.Duration {
	between := time.Duration(float64(time.Second) / rate)
	return max(300*time.Microsecond, min(between/2, 5*time.Millisecond))
}

type dispatched struct {
	number int
	due    time.Time
}

// connectionPool is what waits for a connection, or the connections that wait for something to send.
type connectionPool struct {
	load       *requestLoad
	opened     int
	group      sync.WaitGroup
	lock       sync.Mutex
	queue      []dispatched
	free       []chan dispatched
	isFinished bool
}

func (pool *connectionPool) length() int {
	pool.lock.Lock()
	defer pool.lock.Unlock()
	return len(pool.queue)
}

func (pool *connectionPool) add(next dispatched) {
	pool.lock.Lock()
	defer pool.lock.Unlock()
	if len(pool.free) == 0 {
		pool.queue = append(pool.queue, next)
		return
	}
	last := len(pool.free) - 1
	pool.free[last] <- next
	pool.free = pool.free[:last]
}

func (pool *connectionPool) open() {
	pool.opened++
	work := make(chan dispatched, 1)
	pool.group.Go(func() {
		client := &client{address: pool.load.address}
		defer client.close()
		for pool.serve(work) {
			next, more := <-work
			if !more {
				return
			}
			pool.load.send(client, next.number, next.due)
		}
	})
}

// serve gives a connection what has waited longest, or lets the connection wait.
func (pool *connectionPool) serve(work chan dispatched) bool {
	pool.lock.Lock()
	defer pool.lock.Unlock()
	if pool.isFinished {
		return false
	}
	if len(pool.queue) == 0 {
		pool.free = append(pool.free, work)
		return true
	}
	work <- pool.queue[0]
	pool.queue = pool.queue[1:]
	return true
}

// finish waits for the answers of what was sent, and says how many were not.
func (pool *connectionPool) finish() int {
	pool.lock.Lock()
	waiting := len(pool.queue)
	pool.isFinished = true
	for _, work := range pool.free {
		close(work)
	}
	pool.lock.Unlock()
	pool.group.Wait()
	return waiting
}
