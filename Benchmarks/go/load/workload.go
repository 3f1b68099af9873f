package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// The Workload API's streams (SPIFFE Workload API §5), spoken as gRPC over HTTP/2 without TLS on a Unix socket.

const fetchX509SVID = "http://localhost/SpiffeWorkloadAPI/FetchX509SVID"

// workload is one job: a connection of its own, with its token.
type workload struct {
	client *http.Client
	token  string
}

func newWorkload(socket, token string) *workload {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	return &workload{client: &http.Client{Transport: transport}, token: token}
}

// watch opens a stream and reads its first message: an SVID.
func (workload *workload) watch() (io.Closer, error) {
	// An empty message: not compressed, length 0.
	request, err := http.NewRequest("POST", fetchX509SVID, strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("workload.spiffe.io", "true")
	if workload.token != "" {
		request.Header.Set("identity-exchange-token", workload.token)
	}
	answer, err := workload.client.Do(request)
	if err != nil {
		return nil, err
	}
	if err := firstMessage(answer); err != nil {
		answer.Body.Close()
		return nil, err
	}
	return answer.Body, nil
}

func firstMessage(answer *http.Response) error {
	var head [5]byte
	if _, err := io.ReadFull(answer.Body, head[:]); err != nil {
		status := func(fields http.Header) string { return fields.Get("grpc-status") + " " + fields.Get("grpc-message") }
		return fmt.Errorf("no SVID: HTTP %d, gRPC %s%s: %w", answer.StatusCode, status(answer.Header), status(answer.Trailer), err)
	}
	length := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 || length == 0 || length > 1<<20 {
		return fmt.Errorf("a message of %d bytes, compressed %d", length, head[0])
	}
	_, err := io.CopyN(io.Discard, answer.Body, int64(length))
	return err
}

func workloadFlags(set *flag.FlagSet) (socket, tokenFile *string, count *int) {
	return set.String("socket", "", "the Workload API's socket"),
		set.String("token-file", "", "the job's token, if any"),
		set.Int("count", 1, "so many streams")
}

func readToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

type watchResult struct {
	Streams int     `json:"streams"`
	Seconds float64 `json:"seconds"`
	percentiles
}

// runWatch opens the streams, says so on a line of its own, and holds them until its standard input ends.
func runWatch(arguments []string) (any, error) {
	set := flag.NewFlagSet("watch", flag.ContinueOnError)
	socket, tokenFile, count := workloadFlags(set)
	if err := parse(set, arguments); err != nil {
		return nil, err
	}
	token, err := readToken(*tokenFile)
	if err != nil {
		return nil, err
	}
	var all samples
	started := time.Now()
	// As many at once as a busy host would start; each stream waits for its first SVID.
	turns := make(chan struct{}, 32)
	errors := make(chan error, *count)
	var group sync.WaitGroup
	for range *count {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			begun := time.Now()
			_, err := newWorkload(*socket, token).watch()
			errors <- err
			all.add(sample{latency: time.Since(begun)})
		})
	}
	group.Wait()
	opened := time.Since(started)
	for range *count {
		if err := <-errors; err != nil {
			return nil, err
		}
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	every := latencies(all.values, func(sample) bool { return true })
	return watchResult{*count, opened.Seconds(), percentilesOf(every)}, nil
}

// runFirst opens one stream after the other, each on a new connection, and closes it after its first SVID.
func runFirst(arguments []string) (any, error) {
	set := flag.NewFlagSet("first", flag.ContinueOnError)
	socket, tokenFile, count := workloadFlags(set)
	if err := parse(set, arguments); err != nil {
		return nil, err
	}
	token, err := readToken(*tokenFile)
	if err != nil {
		return nil, err
	}
	var every []time.Duration
	started := time.Now()
	for range *count {
		begun := time.Now()
		workload := newWorkload(*socket, token)
		stream, err := workload.watch()
		if err != nil {
			return nil, err
		}
		every = append(every, time.Since(begun))
		stream.Close()
		workload.client.CloseIdleConnections()
	}
	return watchResult{*count, time.Since(started).Seconds(), percentilesOf(every)}, nil
}
