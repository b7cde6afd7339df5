// The Go v2 client under the same loop as the programs in C:
//
//	bench-go WORKLOAD GOROUTINES SECONDS URL [NAME=VALUE...]    as benches/measure.h
//	bench-go idle|follow|fan-out N URL [NAME=VALUE...]          as benches/watches.c
//
// ca=FILE is the authority of an https URL. pool=wide keeps 256 idle connections instead of net/http's 2.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

// arguments are those of the form NAME=VALUE.
type arguments map[string]string

func (a arguments) text(name, otherwise string) string {
	if value, there := a[name]; there {
		return value
	}
	return otherwise
}

func (a arguments) number(name string, otherwise float64) float64 {
	if number, err := strconv.ParseFloat(a[name], 64); err == nil {
		return number
	}
	return otherwise
}

// connect makes a client with client.DefaultTransport, but for what the arguments say.
func connect(url string, arguments arguments) client.KeysAPI {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		Dial:                (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).Dial,
		TLSHandshakeTimeout: 10 * time.Second,
	}
	if arguments.text("pool", "") == "wide" {
		transport.MaxIdleConnsPerHost = 256
	}
	if file := arguments.text("ca", ""); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	made, err := client.New(client.Config{Endpoints: []string{url}, Transport: transport})
	if err != nil {
		panic(err)
	}
	return client.NewKeysAPI(made)
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: bench-go WORKLOAD GOROUTINES SECONDS URL | idle|follow|fan-out N URL [NAME=VALUE...]")
		os.Exit(2)
	}
	arguments := arguments{}
	for _, argument := range os.Args[1:] {
		if name, value, found := strings.Cut(argument, "="); found {
			arguments[name] = value
		}
	}
	count, _ := strconv.Atoi(os.Args[2])
	key, after := arguments.text("key", "/bench/watch"), uint64(arguments.number("after", 0))
	switch name := os.Args[1]; name {
	case "idle":
		idle(connect(os.Args[3], arguments), count)
	case "follow":
		follow(connect(os.Args[3], arguments), uint64(count), uint64(arguments.number("burst", float64(count))), after, key)
	case "fan-out":
		fanOut(connect(os.Args[3], arguments), count, int(arguments.number("events", 50)), key, arguments.text("set", key), after)
	default:
		seconds, _ := strconv.ParseFloat(os.Args[3], 64)
		measure(arguments, connect(os.Args[4], arguments), name, count, seconds)
	}
}
