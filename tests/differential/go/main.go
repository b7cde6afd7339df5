// The real Go client behind a pipe: a call as a line of JSON on standard input, what came of it as a line of JSON on
// standard output. Calls run one after another, each with a deadline of its own.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/v2"
)

// No call of a test takes longer; one that does is reported as an exceeded deadline.
const patience = 20 * time.Second

// call is one call of the Go client; names that the operation does not know are left out.
type call struct {
	Endpoints []string `json:"endpoints"`
	Operation string   `json:"operation"`
	// Settings of the client.
	Prefix   *string `json:"prefix"`
	Username string  `json:"username"`
	Login    string  `json:"login"`

	Key              string  `json:"key"`
	Value            string  `json:"value"`
	PrevValue        *string `json:"prev_value"`
	PrevIndex        uint64  `json:"prev_index"`
	PrevExist        string  `json:"prev_exist"`
	TTLMs            int64   `json:"ttl_ms"`
	Refresh          bool    `json:"refresh"`
	Dir              bool    `json:"dir"`
	NoValueOnSuccess bool    `json:"no_value_on_success"`
	Recursive        bool    `json:"recursive"`
	Sort             bool    `json:"sort"`
	Quorum           bool    `json:"quorum"`
	AfterIndex       uint64  `json:"after_index"`
	Until            uint64  `json:"until"`

	ID         string   `json:"id"`
	PeerURLs   []string `json:"peer_urls"`
	User       string   `json:"user"`
	Password   string   `json:"password"`
	Role       string   `json:"role"`
	Roles      []string `json:"roles"`
	Prefixes   []string `json:"prefixes"`
	Permission int      `json:"permission"`
}

func main() {
	clients := map[string]client.Client{}
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			fmt.Fprintf(os.Stderr, "not a call: %v: %s", err, line)
			os.Exit(1)
		}
		if err := answers.Encode(carryOut(clients, c)); err != nil {
			fmt.Fprintf(os.Stderr, "the answer cannot be written: %v\n", err)
			os.Exit(1)
		}
	}
}

// carryOut makes the call with the one client that these endpoints have.
func carryOut(clients map[string]client.Client, c call) (a answer) {
	// The Go client panics on some answers, and that too is to be compared.
	defer func() {
		if cause := recover(); cause != nil {
			a = answer{Failure: &failure{Class: "panic", Text: fmt.Sprint(cause)}}
		}
	}()
	name := strings.Join(append(c.Endpoints, c.Username, c.Login), " ")
	if clients[name] == nil {
		made, err := client.New(client.Config{Endpoints: c.Endpoints, Username: c.Username, Password: c.Login})
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		clients[name] = made
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return operate(ctx, clients[name], c)
}

func operate(ctx context.Context, etcd client.Client, c call) answer {
	group, _, _ := strings.Cut(c.Operation, ".")
	switch group {
	case "keys":
		if c.Prefix != nil {
			return operateKeys(ctx, client.NewKeysAPIWithPrefix(etcd, *c.Prefix), c)
		}
		return operateKeys(ctx, client.NewKeysAPI(etcd), c)
	case "watch":
		return watch(ctx, client.NewKeysAPI(etcd), c)
	case "members":
		return operateMembers(ctx, client.NewMembersAPI(etcd), c)
	case "auth":
		return operateAuth(ctx, client.NewAuthAPI(etcd), c)
	case "users":
		return operateUsers(ctx, client.NewAuthUserAPI(etcd), c)
	case "roles":
		return operateRoles(ctx, client.NewAuthRoleAPI(etcd), c)
	case "version":
		version, err := etcd.GetVersion(ctx)
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		return answer{Texts: &[]string{version.Server, version.Cluster}}
	}
	panic("unknown operation " + c.Operation)
}
