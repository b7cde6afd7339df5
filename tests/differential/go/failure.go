package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

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
	return &failure{Class: classOf(err), Text: err.Error()}
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
	// What one-shot calls return: the failure of the one endpoint that was asked.
	return "endpoint"
}
