package main

import (
	"context"

	"go.etcd.io/etcd/client/v2"
)

// watch gives all events up to the one of the index c.Until.
func watch(ctx context.Context, keys client.KeysAPI, c call) answer {
	watcher := keys.Watcher(c.Key, &client.WatcherOptions{AfterIndex: c.AfterIndex, Recursive: c.Recursive})
	events := []response{}
	for {
		event, err := watcher.Next(ctx)
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		events = append(events, *responseOf(event))
		if event.Node.ModifiedIndex >= c.Until {
			return answer{Events: &events}
		}
	}
}
