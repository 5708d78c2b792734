// Issues, introspects and revokes tokens, and hears of revocations, also of those that it missed.
//
// Takes the server's address. The environment names the client, as the package tokens says, and JETON_USER
// and JETON_PASSWORD the user. The package jetonv1 is generated from proto/ by protoc-gen-go and
// protoc-gen-go-grpc.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	jetonv1 "jeton.example/jeton/v1"
	"jeton.example/tokens"
)

type session struct {
	service jetonv1.TokenServiceClient
	// Carries the client's credentials, for the calls that have none among their fields.
	basic context.Context
	plain context.Context
}

func (s session) logIn() (*jetonv1.IssueTokenResponse, error) {
	password := &jetonv1.PasswordGrant{
		Username: os.Getenv("JETON_USER"),
		Password: os.Getenv("JETON_PASSWORD"),
	}
	return s.service.IssueToken(s.plain, &jetonv1.IssueTokenRequest{
		ClientId:     tokens.ClientID,
		ClientSecret: tokens.ClientSecret,
		Grant:        &jetonv1.IssueTokenRequest_Password{Password: password},
	})
}

func (s session) revoke(token string) error {
	_, err := s.service.RevokeToken(s.plain, &jetonv1.RevokeTokenRequest{
		ClientId:     tokens.ClientID,
		ClientSecret: tokens.ClientSecret,
		Token:        token,
	})
	return err
}

func (s session) introspect(token string) (*jetonv1.IntrospectResponse, error) {
	return s.service.Introspect(s.basic, &jetonv1.IntrospectRequest{Token: token})
}

// watch opens the feed after cursor; cancel ends it.
func (s session) watch(cursor string) (jetonv1.TokenService_WatchRevocationsClient, context.CancelFunc, error) {
	ctx, cancel := context.WithCancel(s.basic)
	stream, err := s.service.WatchRevocations(ctx, &jetonv1.WatchRevocationsRequest{Cursor: cursor})
	return stream, cancel, err
}

// waitFor reads until the end of a grant is reported, and returns the cursor to resume from.
func waitFor(watch jetonv1.TokenService_WatchRevocationsClient, grantID string) (string, error) {
	for {
		response, err := watch.Recv()
		if err != nil {
			return "", err
		}
		for _, revocation := range response.GetRevocations() {
			if revocation.GetGrantEnded().GetGrantId() == grantID {
				return response.GetCursor(), nil
			}
		}
	}
}

func run(address string) error {
	connection, err := tokens.Dial(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	plain, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := session{
		service: jetonv1.NewTokenServiceClient(connection),
		basic:   tokens.Authenticated(plain),
		plain:   plain,
	}

	first, err := s.logIn()
	if err != nil {
		return err
	}
	answer, err := s.introspect(first.GetAccessToken())
	if err != nil {
		return err
	}
	fmt.Println("active:", answer.GetUsername(), strings.Join(answer.GetScopes(), " "))

	end, err := s.service.GetRevocationCursor(s.basic, &jetonv1.GetRevocationCursorRequest{})
	if err != nil {
		return err
	}
	watch, stop, err := s.watch(end.GetCursor())
	if err != nil {
		return err
	}
	if err := s.revoke(first.GetAccessToken()); err != nil {
		return err
	}
	cursor, err := waitFor(watch, first.GetGrantId())
	if err != nil {
		return err
	}
	fmt.Println("revoked: the watch says so")
	stop()

	second, err := s.logIn()
	if err != nil {
		return err
	}
	if err := s.revoke(second.GetAccessToken()); err != nil {
		return err
	}
	resumed, stop, err := s.watch(cursor)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := waitFor(resumed, second.GetGrantId()); err != nil {
		return err
	}
	fmt.Println("resumed: nothing was missed")

	answer, err = s.introspect(first.GetAccessToken())
	if err != nil {
		return err
	}
	fmt.Println("active now:", answer.GetActive())
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
