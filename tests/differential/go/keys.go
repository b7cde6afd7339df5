package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v2"
)

func operateKeys(ctx context.Context, keys client.KeysAPI, c call) answer {
	switch c.Operation {
	case "keys.get":
		options := &client.GetOptions{Recursive: c.Recursive, Sort: c.Sort, Quorum: c.Quorum}
		return responded(keys.Get(ctx, c.Key, options))
	case "keys.set":
		return responded(keys.Set(ctx, c.Key, c.Value, setOptions(c)))
	case "keys.create":
		return responded(keys.Create(ctx, c.Key, c.Value))
	case "keys.update":
		return responded(keys.Update(ctx, c.Key, c.Value))
	case "keys.create_in_order":
		return responded(keys.CreateInOrder(ctx, c.Key, c.Value, &client.CreateInOrderOptions{TTL: ttl(c)}))
	case "keys.delete":
		return responded(keys.Delete(ctx, c.Key, deleteOptions(c)))
	}
	panic("unknown operation " + c.Operation)
}

func setOptions(c call) *client.SetOptions {
	options := &client.SetOptions{
		PrevIndex:        c.PrevIndex,
		PrevExist:        client.PrevExistType(c.PrevExist),
		TTL:              ttl(c),
		Refresh:          c.Refresh,
		Dir:              c.Dir,
		NoValueOnSuccess: c.NoValueOnSuccess,
	}
	if c.PrevValue != nil {
		options.PrevValue = *c.PrevValue
	}
	return options
}

func deleteOptions(c call) *client.DeleteOptions {
	options := &client.DeleteOptions{PrevIndex: c.PrevIndex, Recursive: c.Recursive, Dir: c.Dir}
	if c.PrevValue != nil {
		options.PrevValue = *c.PrevValue
	}
	return options
}

func ttl(c call) time.Duration {
	return time.Duration(c.TTLMs) * time.Millisecond
}
