// Discovers an issuer with go-oidc, which looks at /.well-known/openid-configuration only, and prints
// the endpoints that it found.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	provider, err := oidc.NewProvider(context.Background(), os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var metadata struct {
		Introspection string `json:"introspection_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		log.Fatal(err)
	}
	fmt.Println(provider.Endpoint().TokenURL, metadata.Introspection)
}
