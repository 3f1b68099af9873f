package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// requestsResult counts what became of every arrival: answered, broken, or never sent for want of a free connection.
type requestsResult struct {
	Seconds           float64        `json:"seconds"`
	Arrivals          int            `json:"arrivals"`
	Unsent            int            `json:"unsent"`
	Broken            int            `json:"broken"`
	Answers           map[string]int `json:"answers"`
	GoodInTime        int            `json:"good_in_time"`
	RefusedRetryAfter int            `json:"refused_with_retry_after"`
	Good              percentiles    `json:"good"`
	Refused           percentiles    `json:"refused"`
	// How late requests were sent: the generator's own limit.
	Lag         percentiles `json:"lag"`
	Connections int         `json:"connections"`
	// When the last request was due.
	Ended       int64  `json:"ended_us"`
	FirstBroken string `json:"first_broken"`
}

func isRefused(value sample) bool { return value.status == 429 || value.status == 503 }
func isGood(value sample) bool    { return value.status == 200 }

// runRequests asks the requests of a file in turn: each connection one after the other, or at a fixed rate of arrivals
// whatever the answers do.
func runRequests(arguments []string) (any, error) {
	set := flag.NewFlagSet("requests", flag.ContinueOnError)
	address := set.String("address", "", "HOST:PORT")
	file := set.String("requests", "", "lines of: target TAB header TAB value")
	rate := set.Float64("rate", 0, "arrivals a second; 0: as fast as the answers come")
	seconds := set.Float64("seconds", 1, "how long requests are sent")
	connections := set.Int("connections", 64, "at most so many")
	timeline := set.String("timeline", "", "file for a line a request: sent (µs since 1970), latency (µs), status")
	if err := parse(set, arguments); err != nil {
		return nil, err
	}
	requests, err := readRequests(*file, *address)
	if err != nil {
		return nil, err
	}
	load := &requestLoad{requests: requests, address: *address, length: time.Duration(*seconds * float64(time.Second))}
	if *rate > 0 {
		load.arriving(*rate, *connections)
	} else {
		load.inTurn(*connections)
	}
	if *timeline != "" {
		if err := writeTimeline(*timeline, load.samples.values); err != nil {
			return nil, err
		}
	}
	return load.result(), load.fault()
}

func readRequests(file, host string) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var requests [][]byte
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch len(fields) {
		case 1:
			requests = append(requests, formatted("GET", fields[0], host, "", nil))
		case 3:
			requests = append(requests, formatted("GET", fields[0], host, fields[1]+": "+fields[2], nil))
		default:
			return nil, fmt.Errorf("%s: a line that is neither a target nor target, header, value", file)
		}
	}
	if len(requests) == 0 {
		return nil, fmt.Errorf("%s holds no request", file)
	}
	return requests, nil
}

func writeTimeline(file string, values []sample) error {
	sink, err := os.Create(file)
	if err != nil {
		return err
	}
	lines := bufio.NewWriter(sink)
	for _, value := range values {
		fmt.Fprintln(lines, value.sent.UnixMicro(), value.latency.Microseconds(), value.status)
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	return sink.Close()
}

type requestLoad struct {
	requests [][]byte
	address  string
	length   time.Duration
	samples  samples
	started  time.Time
	ended    time.Time
	arrivals int
	unsent   int
	opened   int
	// The first error, and the first answer that is neither good nor a refusal.
	broken string
	bad    string
}

func (load *requestLoad) send(client *client, number int, due time.Time) {
	sent := time.Now()
	answer, err := client.exchange(load.requests[number%len(load.requests)])
	value := sample{sent: sent, lag: sent.Sub(due), latency: time.Since(sent), status: answer.status, retryAfter: answer.retryAfter}
	if err != nil {
		value.status = 0
	}
	load.samples.add(value)
	load.remember(value, answer, err)
}

func (load *requestLoad) remember(value sample, answer answer, err error) {
	if isGood(value) {
		return
	}
	load.samples.lock.Lock()
	defer load.samples.lock.Unlock()
	if err != nil && load.broken == "" {
		load.broken = err.Error()
	}
	if err == nil && !isRefused(value) && load.bad == "" {
		load.bad = answer.String()
	}
}

func (load *requestLoad) result() requestsResult {
	values := load.samples.values
	result := requestsResult{
		Seconds: load.length.Seconds(), Arrivals: load.arrivals, Unsent: load.unsent, Answers: map[string]int{},
		Connections: load.opened, FirstBroken: load.broken, Ended: load.ended.UnixMicro(),
	}
	var lags []time.Duration
	for _, value := range values {
		lags = append(lags, value.lag)
		if value.status == 0 {
			result.Broken++
			continue
		}
		result.Answers[strconv.Itoa(value.status)]++
		if isGood(value) && value.sent.Add(value.latency).Before(load.ended) {
			result.GoodInTime++
		}
		if isRefused(value) && value.retryAfter {
			result.RefusedRetryAfter++
		}
	}
	result.Good = percentilesOf(latencies(values, isGood))
	result.Refused = percentilesOf(latencies(values, isRefused))
	result.Lag = percentilesOf(lags)
	return result
}

func (load *requestLoad) fault() error {
	if load.bad != "" {
		return fmt.Errorf("neither a good answer nor a refusal: %s", load.bad)
	}
	return nil
}
