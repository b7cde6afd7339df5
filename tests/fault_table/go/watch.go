package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v2"
)

type event struct {
	Index uint64 `json:"index"`
	Value string `json:"value"`
	At    int64  `json:"at"`
}

// watch reports every event below the written directory; after an error it goes on with the same watcher.
func watch(ctx context.Context, keys client.KeysAPI, p plan, out *output) {
	dir := p.Dir + "/written"
	watcher := keys.Watcher(dir, &client.WatcherOptions{AfterIndex: p.AfterIndex, Recursive: true})
	for {
		next, err := watcher.Next(ctx)
		switch refused, ok := err.(client.Error); {
		case err == nil:
			out.write(line{Event: &event{next.Node.ModifiedIndex, next.Node.Value, now()}})
		case ctx.Err() != nil:
			return
		case ok && refused.Code == client.ErrorCodeEventIndexCleared:
			watcher = keys.Watcher(dir, &client.WatcherOptions{AfterIndex: refused.Index, Recursive: true})
		default:
			// A watch that fails at once would spin.
			time.Sleep(100 * time.Millisecond)
		}
	}
}
