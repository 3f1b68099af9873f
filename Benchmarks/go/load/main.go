// The load that wrk cannot make: chains of requests, arrivals at a fixed rate, many registrations, many open streams.
//
// Each command prints one JSON object. An answer that no good server gives ends it with code 1 and that answer.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
)

func main() {
	// Collecting garbage less often leaves the core to the load.
	debug.SetGCPercent(400)
	commands := map[string]func(arguments []string) (any, error){
		"requests": runRequests, "cycles": runCycles, "register": runRegister, "watch": runWatch, "first": runFirst,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: load requests|cycles|register|watch|first OPTION…"))
	}
	result, err := commands[os.Args[1]](os.Args[2:])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// parse reads the options that a command has declared on set.
func parse(set *flag.FlagSet, arguments []string) error {
	if err := set.Parse(arguments); err != nil {
		return err
	}
	if set.NArg() != 0 {
		return fmt.Errorf("unexpected %q", set.Arg(0))
	}
	return nil
}
