package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/internal/strongroomtest"
)

// runPolicy runs strongroom policy, with a server's profiles if there is one.
func runPolicy(t *testing.T, s *strongroomtest.Server, args ...string) (stdout string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary(t), append([]string{"policy"}, args...)...)
	command.Env = os.Environ()
	if s != nil {
		command.Env = append(command.Env, "AWS_CONFIG_FILE="+s.ProfilesDir()+"/config", "AWS_SHARED_CREDENTIALS_FILE="+s.ProfilesDir()+"/credentials")
	}
	out, err := command.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return string(out), 0
	case errors.As(err, &exit):
		return string(out) + string(exit.Stderr), exit.ExitCode()
	}
	t.Fatal(err)
	return "", 0
}

func TestPolicyCommand(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	folder := filepath.Join("..", "internal", "policylint", "testdata")
	good, broken, tree := filepath.Join(folder, "lint", "good.json"), filepath.Join(folder, "lint", "broken.json"), filepath.Join(folder, "tree", "organization.yaml")
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a good policy", []string{"lint", good}, 0, "556 of 10000 characters"},
		{"a broken one", []string{"lint", good, broken}, 5, "did you mean regions?"},
		{"no file", []string{"lint", filepath.Join(folder, "none.json")}, 1, "no such file"},
		{"no argument", []string{"lint"}, 2, "which policies?"},
		{"an unknown flag", []string{"lint", "--chekc", good}, 2, "unknown flag"},
		{"against a server", []string{"lint", "--endpoint", s.Endpoint(), "--profile", "member", good}, 5, "vault safe in account 111111111111 in eu-central-1: it does not exist\n"},
		{"by the environment", []string{"lint", "--check", "--profile", "member", good}, 5, "2 vaults and roles asked about in 111111111111, 2 missing"},
		{"an account", []string{"effective", "--tree", tree, "--account", "111111111111"}, 0, "@@assign of base.json at root"},
		{"all accounts", []string{"effective", "--tree", tree}, 5, "2 of 3 effective policies are wrong"},
		{"no such account", []string{"effective", "--tree", tree, "--account", "1"}, 2, "the tree has no account 1"},
		{"no tree", []string{"effective"}, 2, "--tree FILE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, code := runPolicy(t, s, test.args...)
			if code != test.code || !strings.Contains(out, test.want) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, test.code, test.want, out)
			}
		})
	}
	t.Run("JSON", func(t *testing.T) {
		t.Parallel()
		var reports []struct {
			Characters int
			Findings   []struct{ Severity, Path string }
		}
		out, code := runPolicy(t, nil, "lint", "--json", broken)
		if err := json.NewDecoder(strings.NewReader(out)).Decode(&reports); err != nil || code != 5 {
			t.Fatalf("exit code %d, %v\n%s", code, err, out)
		}
		if len(reports) != 1 || reports[0].Characters == 0 || len(reports[0].Findings) != 8 || reports[0].Findings[0].Path != "plans/PII/regoins" {
			t.Errorf("reports %+v", reports)
		}
		var accounts []struct {
			AccountID string
			Policy    struct{ Plans map[string]any }
			Values    []struct{ Path string }
		}
		out, code = runPolicy(t, nil, "effective", "--json", "--tree", tree, "--account", "111111111111")
		if err := json.Unmarshal([]byte(out), &accounts); err != nil || code != 0 {
			t.Fatalf("exit code %d, %v\n%s", code, err, out)
		}
		if len(accounts) != 1 || accounts[0].AccountID != "111111111111" || accounts[0].Policy.Plans["PII"] == nil || len(accounts[0].Values) != 7 {
			t.Errorf("accounts %+v", accounts)
		}
	})
}
