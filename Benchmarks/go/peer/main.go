// The peer of the token rows: what a good Go server does for the same answer, with the standard library alone.
//
// It looks up the SHA-256 of the bearer among the registered jobs, mints a JWT of the same facts as the issuer's, and
// answers in the same shape. It keeps no audit log and applies no policy: it does less than the issuer.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
)

// settings is the document on standard input: what would be in a database.
type settings struct {
	Subject string   `json:"subject"`
	Facts   facts    `json:"facts"`
	Bearers []string `json:"bearers"`
}

type peer struct {
	issuer  string
	jobs    map[[sha256.Size]byte]*job
	signers map[string]*signer
}

type job struct {
	subject string
	facts   facts
}

func main() {
	listen := flag.String("listen", "", "HOST:PORT")
	flag.Parse()
	var given settings
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		log.Fatal(err)
	}
	server, err := newPeer("http://"+*listen, given)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /.well-known/jwks", keySet(server.signers))
	mux.HandleFunc("GET /es256/id-token", server.token("ES256"))
	mux.HandleFunc("GET /rs256/id-token", server.token("RS256"))
	log.Fatal(http.ListenAndServe(*listen, mux))
}

func newPeer(issuer string, given settings) (*peer, error) {
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	modular, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	server := &peer{issuer: issuer, jobs: map[[sha256.Size]byte]*job{}}
	server.signers = map[string]*signer{"ES256": newECSigner(elliptical), "RS256": newRSASigner(modular)}
	for _, bearer := range given.Bearers {
		server.jobs[sha256.Sum256([]byte(bearer))] = &job{subject: given.Subject, facts: given.Facts}
	}
	return server, nil
}

// keySet answers with bytes made once.
func keySet(signers map[string]*signer) http.Handler {
	keys := []map[string]string{signers["ES256"].public, signers["RS256"].public}
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		log.Fatal(err)
	}
	return http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		answer.Write(body)
	})
}

func (server *peer) token(algorithm string) http.HandlerFunc {
	signer := server.signers[algorithm]
	return func(answer http.ResponseWriter, request *http.Request) {
		audience := request.URL.Query().Get("audience")
		if audience == "" {
			http.Error(answer, "no audience", http.StatusBadRequest)
			return
		}
		bearer, _ := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
		job, known := server.jobs[sha256.Sum256([]byte(bearer))]
		if !known {
			http.Error(answer, "unknown", http.StatusUnauthorized)
			return
		}
		token, err := signer.sign(newClaims(server.issuer, audience, job))
		if err != nil {
			http.Error(answer, "not signed", http.StatusInternalServerError)
			return
		}
		answer.Header().Set("Content-Type", "application/json")
		answer.Header().Set("Cache-Control", "no-store")
		answer.Write([]byte(`{"count":1,"value":"` + token + `"}`))
	}
}
