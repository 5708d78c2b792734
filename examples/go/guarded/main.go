// A service that lets nobody through without a token for billing with the scope read.
//
// Takes the address of the token service and its own. It asks the token service about each request;
// docs/clients.md says what it takes to answer from memory. The environment names the client, as the
// package tokens says.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	jetonv1 "jeton.example/jeton/v1"
	"jeton.example/tokens"
)

const (
	audience = "billing"
	scope    = "read"
)

// refuse answers as RFC 6750 §3 has it.
func refuse(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="`+audience+`"`+problem)
	w.WriteHeader(status)
}

func unavailable(w http.ResponseWriter, err error) {
	log.Print(err)
	w.WriteHeader(http.StatusServiceUnavailable)
}

// guard lets requests pass whose token is active, meant for this service and has the scope.
func guard(service jetonv1.TokenServiceClient, next func(http.ResponseWriter, *jetonv1.IntrospectResponse)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			refuse(w, http.StatusUnauthorized, "")
			return
		}
		ctx := tokens.Authenticated(r.Context())
		answer, err := service.Introspect(ctx, &jetonv1.IntrospectRequest{Token: token})
		switch {
		case err != nil: // Not known to be bad: never a 401.
			unavailable(w, err)
		case !answer.GetActive() || !slices.Contains(answer.GetAudience(), audience):
			refuse(w, http.StatusUnauthorized, `, error="invalid_token"`)
		case !slices.Contains(answer.GetScopes(), scope):
			refuse(w, http.StatusForbidden, `, error="insufficient_scope", scope="`+scope+`"`)
		default:
			next(w, answer)
		}
	})
}

func main() {
	connection, err := tokens.Dial(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	whoAmI := func(w http.ResponseWriter, answer *jetonv1.IntrospectResponse) {
		fmt.Fprint(w, answer.GetUsername())
	}
	http.Handle("/whoami", guard(jetonv1.NewTokenServiceClient(connection), whoAmI))
	log.Fatal(http.ListenAndServe(os.Args[2], nil))
}
