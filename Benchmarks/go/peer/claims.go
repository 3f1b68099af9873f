package main

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// facts are those of a branch's job; every one becomes a claim of its name.
type facts struct {
	Repository           string `json:"repository"`
	RepositoryID         string `json:"repository_id"`
	RepositoryOwner      string `json:"repository_owner"`
	RepositoryOwnerID    string `json:"repository_owner_id"`
	RepositoryVisibility string `json:"repository_visibility"`
	Ref                  string `json:"ref"`
	RefType              string `json:"ref_type"`
	RefProtected         string `json:"ref_protected"`
	SHA                  string `json:"sha"`
	Workflow             string `json:"workflow"`
	WorkflowRef          string `json:"workflow_ref"`
	WorkflowSHA          string `json:"workflow_sha"`
	JobWorkflowRef       string `json:"job_workflow_ref"`
	JobWorkflowSHA       string `json:"job_workflow_sha"`
	Job                  string `json:"job"`
	RunID                string `json:"run_id"`
	RunNumber            string `json:"run_number"`
	RunAttempt           string `json:"run_attempt"`
	EventName            string `json:"event_name"`
	Actor                string `json:"actor"`
	ActorID              string `json:"actor_id"`
	Environment          string `json:"environment"`
	HeadRepository       string `json:"head_repository"`
	HeadRepositoryID     string `json:"head_repository_id"`
	RunnerEnvironment    string `json:"runner_environment"`
}

type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	ID        string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expiry    int64  `json:"exp"`
	Repo      string `json:"repo"`
	facts
}

func newClaims(issuer, audience string, job *job) *claims {
	var id [16]byte
	rand.Read(id[:])
	now := time.Now().Unix()
	return &claims{
		Issuer: issuer, Subject: job.subject, Audience: audience, ID: hex.EncodeToString(id[:]),
		IssuedAt: now, NotBefore: now - 60, Expiry: now + 300, Repo: job.facts.Repository, facts: job.facts,
	}
}
