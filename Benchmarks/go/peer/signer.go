package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

var encoding = base64.RawURLEncoding

// signer makes compact JWTs (RFC 7515 §3.1) with one key; the header is encoded once.
type signer struct {
	header    string
	public    map[string]string
	signature func(digest []byte) ([]byte, error)
}

func newECSigner(key *ecdsa.PrivateKey) *signer {
	var x, y [32]byte
	key.X.FillBytes(x[:])
	key.Y.FillBytes(y[:])
	public := map[string]string{"kty": "EC", "crv": "P-256", "x": encoding.EncodeToString(x[:]), "y": encoding.EncodeToString(y[:])}
	return newSigner("ES256", public, func(digest []byte) ([]byte, error) {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		// RFC 7518 §3.4: R and S, 32 bytes each.
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature, nil
	})
}

func newRSASigner(key *rsa.PrivateKey) *signer {
	exponent := big.NewInt(int64(key.E)).Bytes()
	public := map[string]string{"kty": "RSA", "n": encoding.EncodeToString(key.N.Bytes()), "e": encoding.EncodeToString(exponent)}
	return newSigner("RS256", public, func(digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest)
	})
}

func newSigner(algorithm string, public map[string]string, signature func([]byte) ([]byte, error)) *signer {
	public["alg"], public["use"] = algorithm, "sig"
	public["kid"] = "peer-" + algorithm
	header := `{"alg":"` + algorithm + `","kid":"` + public["kid"] + `","typ":"JWT"}`
	return &signer{header: encoding.EncodeToString([]byte(header)), public: public, signature: signature}
}

func (signer *signer) sign(claims *claims) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	token := make([]byte, 0, 2048)
	token = append(token, signer.header...)
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	digest := sha256.Sum256(token)
	signature, err := signer.signature(digest[:])
	if err != nil {
		return "", err
	}
	token = append(token, '.')
	token = encoding.AppendEncode(token, signature)
	return string(token), nil
}
