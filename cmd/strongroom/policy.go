package main

import (
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"strongroom/backuppolicy"
	"strongroom/internal/policylint"
)

type policyOptions struct {
	json bool
}

func policyCommand() *cobra.Command {
	var o policyOptions
	c := &cobra.Command{
		Use:   "policy",
		Short: "Look at backup policies before they are attached",
		Long: `Looks at backup policies of AWS Organizations: what is wrong with one, and what the
accounts of an organization get from those attached above them. Neither needs a server.`,
	}
	c.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON")
	c.AddCommand(lintCommand(&o), effectiveCommand(&o))
	return c
}

// print prints v as JSON, or as text does.
func (o *policyOptions) print(out io.Writer, v any, text func(io.Writer)) error {
	return (&adminOptions{json: o.json}).print(out, v, text)
}

type lintOptions struct {
	check    bool
	endpoint string
	profiles []string
}

// linted is what lint says of one file.
type linted struct {
	policylint.Report
	Existence *policylint.Existence `json:",omitempty"`
}

func lintCommand(o *policyOptions) *cobra.Command {
	var l lintOptions
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Say what is wrong with backup policies",
		Long: `Reads backup policies (- is standard input) and says, line by line, what CreatePolicy would
refuse, what AWS Backup would refuse of the plans, what is hardly meant, and how many
characters are left of the 10,000 that a policy may have.

With --check it also asks member accounts whether the vaults and roles exist that the
policies name, in every Region they name; nobody else does before a job is missing.
Name a profile of each account by --profile; without one, the environment decides who
asks. --endpoint asks a server other than AWS, as AWS_ENDPOINT_URL does.

Example:
  strongroom policy lint nightly.json
  strongroom policy lint --check --endpoint http://127.0.0.1:4566 --profile member nightly.json

Exit codes: 0 nothing is wrong (there may be warnings and notes), 1 failed, 2 wrong usage,
5 a policy is wrong or something it names does not exist.`,
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return &exitError{exitUsage, fmt.Errorf("which policies? Name their files")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, files []string) error {
			if !l.check && (l.endpoint != "" || len(l.profiles) > 0) {
				l.check = true
			}
			var all []linted
			wrong := false
			for _, file := range files {
				one, err := l.lint(c, file)
				if err != nil {
					return err
				}
				wrong = wrong || one.Failed() || one.Existence != nil && len(one.Existence.Missing) > 0
				all = append(all, one)
			}
			err := o.print(c.OutOrStdout(), all, func(w io.Writer) {
				for _, one := range all {
					one.Print(w)
					if one.Existence != nil {
						one.Existence.Print(w)
					}
				}
			})
			if err == nil && wrong {
				err = &exitError{exitWrong, fmt.Errorf("there is something wrong")}
			}
			return err
		},
	}
	c.Flags().BoolVar(&l.check, "check", false, "ask whether vaults and roles exist")
	c.Flags().StringVar(&l.endpoint, "endpoint", "", "URL of the server to ask (implies --check)")
	c.Flags().StringArrayVar(&l.profiles, "profile", nil, "profile of an account to ask; may be repeated (implies --check)")
	return c
}

func (l *lintOptions) lint(c *cobra.Command, file string) (linted, error) {
	text, err := readPolicy(c.InOrStdin(), file)
	if err != nil {
		return linted{}, err
	}
	one := linted{Report: policylint.Lint(file, text)}
	if !l.check {
		return one, nil
	}
	policy, err := backuppolicy.Parse(text)
	if err != nil {
		return one, nil // the report says so, and there is nothing to ask for
	}
	checker := policylint.Checker{}
	profiles := l.profiles
	if len(profiles) == 0 {
		profiles = []string{""}
	}
	for _, profile := range profiles {
		cfg, err := config.LoadDefaultConfig(c.Context(), config.WithSharedConfigProfile(profile), func(o *config.LoadOptions) error {
			if l.endpoint != "" {
				o.BaseEndpoint = l.endpoint
			}
			return nil
		})
		if err != nil {
			return one, err
		}
		if cfg.Region == "" {
			cfg.Region = "us-east-1"
		}
		checker.Accounts = append(checker.Accounts, cfg)
	}
	one.Existence, err = checker.Check(c.Context(), file, policy)
	return one, err
}

func readPolicy(in io.Reader, file string) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(in)
		return string(text), err
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

func effectiveCommand(o *policyOptions) *cobra.Command {
	var tree, account string
	c := &cobra.Command{
		Use:   "effective --tree FILE [--account ID]",
		Short: "Show what the accounts of an organization get",
		Long: `Reads an organization from a YAML or JSON file, with the policies attached to its root, its
units and its accounts, and prints the effective backup policy of an account, or of every
account: the document, the policy that each value comes from, what was ignored and why,
and why it is invalid, if it is.

The file names a root with units and accounts within. Policies are files, named from the
tree's own folder, in the order in which they are attached:

  root:
    policies: [base.json]
    units:
      - name: workloads
        policies: [nightly.json, archive.json]
        accounts:
          - {id: "111111111111", name: shop, policies: [shop.json]}

Example:
  strongroom policy effective --tree organization.yaml --account 111111111111

Exit codes: 0 shown, 1 failed, 2 wrong usage, 5 an effective policy is invalid or AWS Backup
would refuse a plan.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if tree == "" {
				return &exitError{exitUsage, fmt.Errorf("which organization? Use --tree FILE")}
			}
			organization, err := policylint.LoadOrganization(tree)
			if err != nil {
				return err
			}
			ids := organization.IDs()
			if account != "" {
				ids = []string{account}
			}
			all := []*policylint.Effective{}
			wrong := 0
			for _, id := range ids {
				effective, err := organization.Account(id)
				if err != nil {
					return &exitError{exitUsage, err}
				}
				if effective.Failed() {
					wrong++
				}
				all = append(all, effective)
			}
			err = o.print(c.OutOrStdout(), all, func(w io.Writer) {
				for i, effective := range all {
					if i > 0 {
						fmt.Fprintln(w)
					}
					effective.Print(w)
				}
			})
			if err == nil && wrong > 0 {
				err = &exitError{exitWrong, fmt.Errorf("%d of %d effective policies are wrong", wrong, len(all))}
			}
			return err
		},
	}
	c.Flags().StringVar(&tree, "tree", "", "file of the organization")
	c.Flags().StringVar(&account, "account", "", "show this account only")
	return c
}
