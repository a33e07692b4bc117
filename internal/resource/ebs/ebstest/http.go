package ebstest

import (
	"context"
	"net/http/httptest"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsebs "github.com/aws/aws-sdk-go-v2/service/ebs"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/wire"
)

// secret is the secret of every access key of the house.
const secret = "the secret of every access key"

// keys knows one access key for each account's administrator: AKIA and the account.
type keys struct{}

func (keys) Lookup(_ context.Context, id, token string) (string, api.Caller, error) {
	account, known := strings.CutPrefix(id, "AKIA")
	if !known || token != "" {
		return "", api.Caller{}, api.Errorf("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return secret, *Admin(account), nil
}

// Clients returns SDK clients of an account's administrator that reach the house over HTTP. They retry as clients do: once
// in a thousand calls Go's client closes a connection whose answer it is still reading.
func (w *World) Clients(account, region string) (*awsec2.Client, *awsebs.Client) {
	w.T.Helper()
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: w.Door, Credentials: keys{}, Clock: w.Clock, Wall: clock.Wall}))
	w.T.Cleanup(server.Close)
	c := aws.Config{
		Region: region, BaseEndpoint: &server.URL, HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA"+account, secret, ""),
	}
	return awsec2.NewFromConfig(c), awsebs.NewFromConfig(c)
}
