// Posts with net/http, one client with a pool, from several goroutines: ADDRESS WORKERS REQUESTS PAUSE.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func number(at int) int {
	value, err := strconv.Atoi(os.Args[at])
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	address, workers, requests := os.Args[1], number(2), number(3)
	pause := time.Duration(number(4)) * time.Second
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// By default it keeps two connections to a host and closes the others itself.
	transport.MaxIdleConnsPerHost = workers
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo"}, "client_secret": {"demo-secret"}}
	var answered atomic.Int64
	var all sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for request := 0; request < requests; request++ {
				if request > 0 {
					time.Sleep(pause)
				}
				answer, err := client.PostForm("http://"+address+"/oauth/token", form)
				if err != nil {
					fmt.Fprintln(os.Stderr, "Go:", err)
					continue
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					answered.Add(1)
				} else {
					fmt.Fprintln(os.Stderr, "Go:", answer.Status)
				}
			}
		}()
	}
	all.Wait()
	fmt.Printf("Go net/http: %d of %d answered\n", answered.Load(), workers*requests)
	if answered.Load() != int64(workers*requests) {
		os.Exit(1)
	}
}
