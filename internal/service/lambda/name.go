package lambda

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// latest is the version that can be changed.
const latest = "$LATEST"

// name is what a call names: a function, and a version or an alias of it, or neither.
type name struct {
	accountID, region, function, qualifier string
}

var (
	functionName = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	aliasName    = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	number       = regexp.MustCompile(`^[0-9]+$`)
)

// nameOf reads the forms in which a function is named: name, name:qualifier, account:function:name, and ARNs.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func nameOf(c *api.Caller, text, qualifier string) (name, error) {
	n := name{accountID: c.AccountID, region: c.Region}
	words := strings.Split(text, ":")
	if words[0] == "arn" {
		a, err := arn.Parse(text)
		if err != nil || a.Service != "lambda" || len(words) < 7 || words[5] != "function" {
			return n, invalid("Invalid ARN: %s", text)
		}
		if a.Region != c.Region {
			return n, notFound("Functions from '%s' are not reachable in this region ('%s')", a.Region, c.Region)
		}
		n.accountID, words = a.AccountID, words[6:]
	} else if i := indexOf(words, "function"); i == 0 || i == 1 && len(words) > 2 {
		if i == 1 {
			n.accountID = words[0]
		}
		words = words[i+1:]
	}
	switch {
	case len(words) == 2:
		n.qualifier = words[1]
	case len(words) != 1:
		return n, invalid("Invalid function name: %s", text)
	}
	n.function = words[0]
	if !functionName.MatchString(n.function) {
		return n, invalid("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", n.function)
	}
	if qualifier != "" && n.qualifier != "" && qualifier != n.qualifier {
		return n, invalid("The derived qualifier from the function name does not match the specified qualifier.")
	}
	if qualifier != "" {
		n.qualifier = qualifier
	}
	return n, nil
}

func indexOf(words []string, word string) int {
	for i, w := range words {
		if w == word {
			return i
		}
	}
	return -1
}

// arn is the function's, without a qualifier.
func (n name) arn() string {
	return arn.New("lambda", n.region, n.accountID, "function:"+n.function).String()
}

// qualified is the ARN as it was named.
func (n name) qualified() string {
	if n.qualifier == "" {
		return n.arn()
	}
	return n.arn() + ":" + n.qualifier
}

// versionName is how a version is called.
func versionName(n int64) string {
	if n == 0 {
		return latest
	}
	return strconv.FormatInt(n, 10)
}

// function reads the function that is named.
func (s *Service) function(ctx context.Context, n name) (f state.Function, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		f, err = tx.Function(ctx, n.arn())
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return f, notFound("Function not found: %s", n.qualified())
	}
	return f, err
}

// version reads the version that a qualifier stands for.
func version(ctx context.Context, tx *state.Tx, n name) (v state.FunctionVersion, err error) {
	qualifier := n.qualifier
	if qualifier != "" && qualifier != latest && !number.MatchString(qualifier) {
		a, err := tx.FunctionAlias(ctx, n.arn(), qualifier)
		if errors.Is(err, state.ErrNotFound) {
			return v, notFound("Function not found: %s", n.qualified())
		}
		if err != nil {
			return v, err
		}
		qualifier = pick(a)
	}
	var at int64
	if qualifier != "" && qualifier != latest {
		if at, err = strconv.ParseInt(qualifier, 10, 64); err != nil || at == 0 {
			return v, notFound("Function not found: %s", n.qualified())
		}
	}
	v, err = tx.FunctionVersion(ctx, n.arn(), at)
	if errors.Is(err, state.ErrNotFound) {
		return v, notFound("Function not found: %s", n.qualified())
	}
	return v, err
}

// read reads a function and the version that is named.
func (s *Service) read(ctx context.Context, n name) (f state.Function, v state.FunctionVersion, err error) {
	if f, err = s.function(ctx, n); err != nil {
		return f, v, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		v, err = version(ctx, tx, n)
		return err
	})
	return f, v, err
}

// change writes what fn makes of a function as it is now.
func (s *Service) change(ctx context.Context, n name, fn func(ctx context.Context, tx *state.Tx, f *state.Function) error) error {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		f, err := tx.Function(ctx, n.arn())
		if err != nil {
			return err
		}
		if err := fn(ctx, tx, &f); err != nil {
			return err
		}
		return tx.UpdateFunction(ctx, f)
	})
	if errors.Is(err, state.ErrNotFound) {
		return notFound("Function not found: %s", n.qualified())
	}
	return err
}
