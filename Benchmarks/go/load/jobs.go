package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// placeholder stands in the body of a registration where each job has its own run id.
const placeholder = "@RUN@"

// runner registers and ends jobs.
type runner struct {
	address string
	header  string
	before  []byte
	after   []byte
	first   int64
	runs    atomic.Int64
}

// registration is what a job is told.
type registration struct {
	ID      string `json:"id"`
	Request struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	} `json:"id_token_request"`
}

type runnerOptions struct {
	address, credential, body *string
	first                     *int64
	connections               *int
}

func runnerFlags(set *flag.FlagSet) runnerOptions {
	return runnerOptions{
		address:     set.String("address", "", "HOST:PORT"),
		credential:  set.String("credential-file", "", "the runner's credential"),
		body:        set.String("body-file", "", "a registration with "+placeholder+" in place of the run id"),
		first:       set.Int64("first-run", 1, "the run id of the first job"),
		connections: set.Int("connections", 64, "so many at once"),
	}
}

func (options runnerOptions) runner() (*runner, error) {
	credential, err := os.ReadFile(*options.credential)
	if err != nil {
		return nil, err
	}
	body, err := os.ReadFile(*options.body)
	if err != nil {
		return nil, err
	}
	before, after, found := bytes.Cut(body, []byte(placeholder))
	if !found {
		return nil, fmt.Errorf("%s holds no %s", *options.body, placeholder)
	}
	header := "Authorization: Bearer " + strings.TrimSpace(string(credential))
	return &runner{address: *options.address, header: header, before: before, after: after, first: *options.first}, nil
}

func (runner *runner) register(client *client) (registration, error) {
	run := strconv.FormatInt(runner.first+runner.runs.Add(1)-1, 10)
	body := bytes.Join([][]byte{runner.before, runner.after}, []byte(run))
	var registered registration
	answer, err := client.exchange(formatted("POST", "/v1/jobs", runner.address, runner.header, body))
	if err != nil {
		return registered, err
	}
	if answer.status != 201 {
		return registered, fmt.Errorf("POST /v1/jobs: %s", answer)
	}
	return registered, json.Unmarshal(answer.body, &registered)
}

// cycle registers a job, gets one token for it, and ends it: the three requests of a short job, on one connection.
func (runner *runner) cycle(client *client, audience string) error {
	registered, err := runner.register(client)
	if err != nil {
		return err
	}
	address, err := url.Parse(registered.Request.URL)
	if err != nil {
		return err
	}
	bearer := "Authorization: Bearer " + registered.Request.Token
	target := address.RequestURI() + "&audience=" + url.QueryEscape(audience)
	answer, err := client.exchange(formatted("GET", target, runner.address, bearer, nil))
	if err != nil {
		return err
	}
	if answer.status != 200 || !bytes.Contains(answer.body, []byte(`"value":"eyJ`)) {
		return fmt.Errorf("the token of a job: %s", answer)
	}
	answer, err = client.exchange(formatted("DELETE", "/v1/jobs/"+registered.ID, runner.address, runner.header, nil))
	if err == nil && answer.status != 204 {
		err = fmt.Errorf("DELETE of a job: %s", answer)
	}
	return err
}

// everywhere runs the work on each of so many connections, and gives the first error.
func (runner *runner) everywhere(connections int, work func(*client) error) error {
	errors := make(chan error, connections)
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			client := &client{address: runner.address}
			defer client.close()
			errors <- work(client)
		})
	}
	group.Wait()
	close(errors)
	for err := range errors {
		if err != nil {
			return err
		}
	}
	return nil
}

type cyclesResult struct {
	Seconds float64 `json:"seconds"`
	Cycles  int     `json:"cycles"`
	percentiles
}

func runCycles(arguments []string) (any, error) {
	set := flag.NewFlagSet("cycles", flag.ContinueOnError)
	options := runnerFlags(set)
	audience := set.String("audience", "", "of the tokens")
	seconds := set.Float64("seconds", 1, "how long")
	if err := parse(set, arguments); err != nil {
		return nil, err
	}
	runner, err := options.runner()
	if err != nil {
		return nil, err
	}
	var all samples
	started := time.Now()
	end := started.Add(time.Duration(*seconds * float64(time.Second)))
	err = runner.everywhere(*options.connections, func(client *client) error {
		for time.Now().Before(end) {
			sent := time.Now()
			if err := runner.cycle(client, *audience); err != nil {
				return err
			}
			all.add(sample{latency: time.Since(sent)})
		}
		return nil
	})
	every := latencies(all.values, func(sample) bool { return true })
	return cyclesResult{time.Since(started).Seconds(), len(every), percentilesOf(every)}, err
}

type registerResult struct {
	Seconds    float64 `json:"seconds"`
	Registered int     `json:"registered"`
}

// runRegister registers jobs and leaves them alive.
func runRegister(arguments []string) (any, error) {
	set := flag.NewFlagSet("register", flag.ContinueOnError)
	options := runnerFlags(set)
	count := set.Int("count", 1, "so many jobs")
	if err := parse(set, arguments); err != nil {
		return nil, err
	}
	runner, err := options.runner()
	if err != nil {
		return nil, err
	}
	var taken atomic.Int64
	started := time.Now()
	err = runner.everywhere(*options.connections, func(client *client) error {
		for taken.Add(1) <= int64(*count) {
			if _, err := runner.register(client); err != nil {
				return err
			}
		}
		return nil
	})
	return registerResult{time.Since(started).Seconds(), *count}, err
}
