package main

import (
	"context"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/client/v2"
)

func operateMembers(ctx context.Context, members client.MembersAPI, c call) answer {
	switch c.Operation {
	case "members.list":
		list, err := members.List(ctx)
		return listed(membersOf(list), err)
	case "members.leader":
		leader, err := members.Leader(ctx)
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		return listed(membersOf([]client.Member{*leader}), nil)
	case "members.add":
		if refused := refusedURLs(c.PeerURLs); refused != nil {
			_, err := members.Add(ctx, c.PeerURLs[0])
			return sameRefusal(refused, err)
		}
		added, err := members.Add(ctx, c.PeerURLs[0])
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		return listed(membersOf([]client.Member{*added}), nil)
	case "members.remove":
		return done(members.Remove(ctx, c.ID))
	case "members.update":
		if refused := refusedURLs(c.PeerURLs); refused != nil {
			return sameRefusal(refused, members.Update(ctx, c.ID, c.PeerURLs))
		}
		return done(members.Update(ctx, c.ID, c.PeerURLs))
	}
	panic("unknown operation " + c.Operation)
}

// refusedURLs tells what the client says of URLs that it does not send.
func refusedURLs(urls []string) error {
	_, err := types.NewURLs(urls)
	return err
}

func sameRefusal(refused, err error) answer {
	if err == nil || err.Error() != refused.Error() {
		return done(err)
	}
	return answer{Failure: &failure{Class: "refused", Text: err.Error()}}
}

// membersOf lays the members out one after another: id, name, and the URLs of each, every part with its name.
func membersOf(list []client.Member) []string {
	texts := []string{}
	for _, member := range list {
		texts = append(texts, "id "+member.ID, "name "+member.Name)
		for _, url := range member.PeerURLs {
			texts = append(texts, "peer "+url)
		}
		for _, url := range member.ClientURLs {
			texts = append(texts, "client "+url)
		}
	}
	return texts
}
