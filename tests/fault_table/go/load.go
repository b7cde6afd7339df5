package main

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/client/v2"
)

// The order in which a thread makes its calls, the same as in ours.rs.
var order = []string{"set", "quorum_get", "create", "get", "delete", "swap"}

type call struct {
	Thread  int      `json:"thread"`
	Kind    string   `json:"kind"`
	Started int64    `json:"started"`
	Ended   int64    `json:"ended"`
	Failure *failure `json:"failure"`
}

type failure struct {
	Text string `json:"text"`
	// Whether the call may have done something all the same: the Go client never says that it did not.
	Undecided bool `json:"undecided"`
}

// thread makes one call after another on keys of its own.
type thread struct {
	plan   plan
	keys   client.KeysAPI
	number int
	calls  int
	// The key that the last create made; empty where it is not known to exist.
	created string
	// The key that swaps change, and its index; 0 where it has to be made first.
	swapped      string
	swappedIndex uint64
}

func newThread(p plan, keys client.KeysAPI, number int) *thread {
	return &thread{plan: p, keys: keys, number: number, calls: number}
}

func (t *thread) run(stopped <-chan struct{}, out *output) {
	for {
		pace := time.After(time.Duration(t.plan.PaceMs) * time.Millisecond)
		kind := order[t.calls%len(order)]
		if kind != "delete" || t.created != "" {
			started := now()
			err := t.carryOut(kind)
			out.write(line{Call: &call{t.number, kind, started, now(), failureOf(err)}})
		}
		t.calls++
		select {
		case <-stopped:
			return
		case <-pace:
		}
	}
}

func (t *thread) carryOut(kind string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(t.plan.DeadlineMs)*time.Millisecond)
	defer cancel()
	own, value := t.key("own"), fmt.Sprint(t.calls)
	switch kind {
	case "set":
		_, err := t.keys.Set(ctx, own, value, nil)
		return err
	case "quorum_get":
		_, err := t.keys.Get(ctx, own, &client.GetOptions{Quorum: true})
		return present(err)
	case "get":
		_, err := t.keys.Get(ctx, own, nil)
		return present(err)
	case "create":
		key := t.key(fmt.Sprintf("created-%d", t.calls))
		_, err := t.keys.Create(ctx, key, value)
		if t.created = ""; err == nil {
			t.created = key
		}
		return err
	case "delete":
		_, err := t.keys.Delete(ctx, t.created, nil)
		t.created = ""
		return err
	}
	return t.swap(ctx, value)
}

// swap goes on with another key after an error, for the write that failed may still happen to the old one.
func (t *thread) swap(ctx context.Context, value string) error {
	var done *client.Response
	var err error
	if t.swappedIndex == 0 {
		t.swapped = t.key(fmt.Sprintf("swapped-%d", t.calls))
		done, err = t.keys.Create(ctx, t.swapped, value)
	} else {
		done, err = t.keys.Set(ctx, t.swapped, value, &client.SetOptions{PrevIndex: t.swappedIndex})
	}
	if t.swappedIndex = 0; err == nil {
		t.swappedIndex = done.Node.ModifiedIndex
	}
	return err
}

func (t *thread) key(name string) string {
	return fmt.Sprintf("%s/%d/%s", t.plan.Calls, t.number, name)
}

// present takes "no such key" for an answer: a thread may read before its first set.
func present(err error) error {
	if client.IsKeyNotFound(err) {
		return nil
	}
	return err
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	text := err.Error()
	if cluster, ok := err.(*client.ClusterError); ok {
		text = cluster.Detail()
	}
	_, refused := err.(client.Error)
	return &failure{Text: text, Undecided: !refused}
}
