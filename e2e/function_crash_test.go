package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"strongroom/internal/service/lambda/functiontest"
)

// having counts the host's processes that have a word among their arguments.
func having(word string) (n int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range all {
		if text, err := os.ReadFile(name); err == nil && slices.Contains(strings.Split(string(text), "\x00"), word) {
			n++
		}
	}
	return n
}

// TestFunctionsEndWithTheServer: when the server is killed, nothing of a function survives, not even what left its session and
// ignores signals. The event that it was invoked for is brought again by the next server, once it has not failed too often.
func TestFunctionsEndWithTheServer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newProcess(t)
	p.start(ctx, t)
	roles := iam.NewFromConfig(p.aws(t, "member", home))
	trust := policy(statement{"Effect": "Allow", "Principal": statement{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
	role := must(roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("function"), AssumeRolePolicyDocument: trust}))(t, "making a role").Role.Arn
	functions := lambda.NewFromConfig(p.aws(t, "member", home))
	must(functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("stubborn"), Role: role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: aws.Int32(900),
		Code: &lambdatypes.FunctionCode{ZipFile: functiontest.Zip(t)},
	}))(t, "making a function")
	marker := "survivor-" + strconv.Itoa(os.Getpid())
	must(functions.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String("stubborn"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"do":"stubborn","text":"` + marker + `"}`),
	}))(t, "invoking")
	runs := func(n int) func() (bool, error) { return func() (bool, error) { return having(marker) == n, nil } }
	for range 2 {
		eventually(ctx, t, "the function leaves a process behind", runs(1))
		p.kill()
		eventually(ctx, t, "nothing survives the server", runs(0))
		p.start(ctx, t)
	}
	eventually(ctx, t, "the event is brought again", runs(1))
	if err := stop(ctx, p); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, "nothing survives a server that is stopped", runs(0))
}

// stop ends the server as an operator does.
func stop(_ context.Context, p *process) error {
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.command.Wait()
}
