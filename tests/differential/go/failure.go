package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/etcd/client/v2"
)

// failure is an error by its class, and with all that etcd said.
type failure struct {
	Class   string `json:"class"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	Cause   string `json:"cause"`
	Index   uint64 `json:"index"`
	// The error's own text, for people.
	Text string `json:"text"`
}

func failureOf(err error) *failure {
	// The Go client returns this one by value.
	if api, ok := err.(client.Error); ok {
		return &failure{
			Class: "api", Code: api.Code, Message: api.Message, Cause: api.Cause, Index: api.Index, Text: err.Error(),
		}
	}
	class := classOf(err)
	// Errors in the server's words, whose types the Go client does not export.
	if class == "auth" || class == "members" {
		return &failure{Class: class, Message: err.Error(), Text: err.Error()}
	}
	return &failure{Class: class, Text: err.Error()}
}

func classOf(err error) string {
	var (
		cluster *client.ClusterError
		number  *strconv.NumError
		syntax  *json.SyntaxError
		kind    *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.As(err, &cluster):
		return "cluster"
	case errors.Is(err, client.ErrEmptyBody):
		return "empty_body"
	case errors.Is(err, client.ErrInvalidJSON), errors.As(err, &number), errors.As(err, &syntax), errors.As(err, &kind):
		return "invalid_response"
	}
	switch name := fmt.Sprintf("%T", err); {
	case name == "client.authError":
		return "auth"
	case name == "client.membersError":
		return "members"
	case strings.HasPrefix(err.Error(), "unexpected status code "):
		return "unexpected_status"
	}
	// What one-shot calls return: the failure of the one endpoint that was asked.
	return "endpoint"
}
