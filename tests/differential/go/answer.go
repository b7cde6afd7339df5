package main

import (
	"time"

	"go.etcd.io/etcd/client/v2"
)

// answer has exactly one field set.
type answer struct {
	Response *response   `json:"response,omitempty"`
	Events   *[]response `json:"events,omitempty"`
	Texts    *[]string   `json:"texts,omitempty"`
	Failure  *failure    `json:"failure,omitempty"`
}

type response struct {
	Action    string `json:"action"`
	Index     uint64 `json:"index"`
	ClusterID string `json:"cluster_id"`
	Node      *node  `json:"node"`
	PrevNode  *node  `json:"prev_node"`
}

type node struct {
	Key           string `json:"key"`
	Value         string `json:"value"`
	IsDir         bool   `json:"is_dir"`
	CreatedIndex  uint64 `json:"created_index"`
	ModifiedIndex uint64 `json:"modified_index"`
	TTL           int64  `json:"ttl"`
	// Seconds since 1970; the two servers never agree on the rest.
	Expiration *int64 `json:"expiration"`
	Nodes      []node `json:"nodes"`
}

func done(err error) answer {
	return listed(nil, err)
}

func listed(texts []string, err error) answer {
	if err != nil {
		return answer{Failure: failureOf(err)}
	}
	// No list and an empty one are the same in JSON then.
	texts = append([]string{}, texts...)
	return answer{Texts: &texts}
}

func responded(got *client.Response, err error) answer {
	if err != nil {
		return answer{Failure: failureOf(err)}
	}
	return answer{Response: responseOf(got)}
}

func responseOf(got *client.Response) *response {
	return &response{
		Action:    got.Action,
		Index:     got.Index,
		ClusterID: got.ClusterID,
		Node:      nodeOf(got.Node),
		PrevNode:  nodeOf(got.PrevNode),
	}
}

func nodeOf(got *client.Node) *node {
	if got == nil {
		return nil
	}
	copied := &node{
		Key:           got.Key,
		Value:         got.Value,
		IsDir:         got.Dir,
		CreatedIndex:  got.CreatedIndex,
		ModifiedIndex: got.ModifiedIndex,
		TTL:           got.TTL,
		Expiration:    seconds(got.Expiration),
		Nodes:         []node{},
	}
	for _, child := range got.Nodes {
		if child := nodeOf(child); child != nil {
			copied.Nodes = append(copied.Nodes, *child)
		}
	}
	return copied
}

func seconds(at *time.Time) *int64 {
	if at == nil {
		return nil
	}
	unix := at.Unix()
	return &unix
}
