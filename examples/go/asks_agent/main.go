// A service that asks the agent beside it about each token that it is shown: one a line, on standard input.
//
// Takes where the agent listens, such as unix:/run/jeton-agent/agent.sock.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	jetonv1 "jeton.example/jeton/v1"
)

func decide(agent jetonv1.TokenServiceClient, token string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	known, err := agent.Introspect(ctx, &jetonv1.IntrospectRequest{Token: token})
	if err != nil {
		return "not now" // Not known to be bad: 503, never 401.
	}
	if !known.GetActive() || !slices.Contains(known.GetAudience(), "billing") {
		return "refused"
	}
	return "welcome, " + known.GetUsername()
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	agent := jetonv1.NewTokenServiceClient(connection)
	for tokens := bufio.NewScanner(os.Stdin); tokens.Scan(); {
		fmt.Println(decide(agent, tokens.Text()))
	}
}
