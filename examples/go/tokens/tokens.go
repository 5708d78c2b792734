// Package tokens connects to the token service, as the client that the environment names.
//
// JETON_CLIENT_ID and JETON_CLIENT_SECRET are the client's. JETON_CA is a PEM file with the CA that has
// issued the server's certificate; without it there is no TLS, as on one machine or where a mesh does it.
package tokens

import (
	"context"
	"encoding/base64"
	"net/url"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// The client's credentials.
var (
	ClientID     = os.Getenv("JETON_CLIENT_ID")
	ClientSecret = os.Getenv("JETON_CLIENT_SECRET")
)

// Dial connects when the first call is made.
func Dial(address string) (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if ca := os.Getenv("JETON_CA"); ca != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(ca, ""); err != nil {
			return nil, err
		}
	}
	return grpc.NewClient(address, grpc.WithTransportCredentials(transport))
}

// Authenticated carries the client's credentials (RFC 6749 §2.3.1), for the calls that have none among
// their fields.
func Authenticated(ctx context.Context) context.Context {
	pair := url.QueryEscape(ClientID) + ":" + url.QueryEscape(ClientSecret)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	return metadata.AppendToOutgoingContext(ctx, "authorization", basic)
}
