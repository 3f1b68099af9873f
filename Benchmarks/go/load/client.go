package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const deadline = 15 * time.Second

// client is one keep-alive HTTP/1.1 connection, opened when first needed and again after it was closed.
//
// net/http's client takes about as much of a core as the servers measured here; this one reads only what they send.
type client struct {
	address string
	socket  net.Conn
	reader  *bufio.Reader
	opened  int
}

// answer is one response; its body is valid until the next exchange.
type answer struct {
	status     int
	retryAfter bool
	body       []byte
}

func (answer answer) String() string {
	return fmt.Sprintf("%d %.500s", answer.status, answer.body)
}

func (client *client) exchange(request []byte) (answer, error) {
	if client.socket == nil {
		if err := client.open(); err != nil {
			return answer{}, err
		}
	}
	result, closes, err := client.attempt(request)
	if err != nil || closes {
		client.close()
	}
	return result, err
}

func (client *client) open() error {
	socket, err := net.DialTimeout("tcp", client.address, deadline)
	if err != nil {
		return err
	}
	client.socket, client.reader = socket, bufio.NewReaderSize(socket, 8192)
	client.opened++
	return nil
}

func (client *client) close() {
	if client.socket != nil {
		client.socket.Close()
		client.socket = nil
	}
}

func (client *client) attempt(request []byte) (result answer, closes bool, err error) {
	client.socket.SetDeadline(time.Now().Add(deadline))
	if _, err = client.socket.Write(request); err != nil {
		return
	}
	line, err := client.reader.ReadSlice('\n')
	if err != nil {
		return
	}
	if len(line) < 12 {
		return result, true, fmt.Errorf("not a status line: %q", line)
	}
	if result.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return
	}
	length, retryAfter, closes, err := client.headers()
	if err != nil {
		return
	}
	result.retryAfter = retryAfter
	if length < 0 && result.status != 204 {
		return result, true, errors.New("an answer without Content-Length")
	}
	if length > 0 {
		result.body = make([]byte, length)
		_, err = io.ReadFull(client.reader, result.body)
	}
	return
}

func (client *client) headers() (length int, retryAfter, closes bool, err error) {
	length = -1
	for {
		line, err := client.reader.ReadSlice('\n')
		if err != nil {
			return length, retryAfter, closes, err
		}
		name, value, found := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{':'})
		if !found {
			return length, retryAfter, closes, nil
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return length, retryAfter, closes, err
			}
		case bytes.EqualFold(name, []byte("retry-after")):
			retryAfter = true
		case bytes.EqualFold(name, []byte("connection")):
			closes = bytes.EqualFold(value, []byte("close"))
		}
	}
}

// formatted is a request as its bytes go out; a body is JSON.
func formatted(method, target, host, header string, body []byte) []byte {
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host)
	if header != "" {
		fmt.Fprintf(&request, "%s\r\n", header)
	}
	if body != nil {
		fmt.Fprintf(&request, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	request.WriteString("\r\n")
	request.Write(body)
	return request.Bytes()
}
