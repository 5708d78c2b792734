// Verifies the access tokens on its input, one a line, with go-oidc: answers each with its subject, or with
// "refused". Arguments: the issuer, the audience.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{
		ClientID:             os.Args[2],
		SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.EdDSA},
	})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		token, err := verifier.Verify(ctx, lines.Text())
		if err != nil {
			log.Print(err)
			fmt.Println("refused")
			continue
		}
		fmt.Println(token.Subject)
	}
}
