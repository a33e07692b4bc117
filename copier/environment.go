package copier

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// FromEnvironment reads a configuration from COPIER_… variables, as a Lambda function has them, and checks it.
func FromEnvironment(lookup func(string) (string, bool)) (Config, error) {
	var c Config
	var wrong []error
	read := func(name string, into func(string) error) {
		if text, ok := lookup("COPIER_" + name); ok && text != "" {
			if err := into(text); err != nil {
				wrong = append(wrong, fmt.Errorf("COPIER_%s: %w", name, err))
			}
		}
	}
	read("INTERMEDIATE_VAULTS", func(s string) (err error) { c.Intermediate, err = ParseVaults(s); return err })
	read("ROUTES", func(s string) (err error) { c.Routes, err = ParseRoutes(s); return err })
	read("FINAL_VAULTS", func(s string) error { // of whatever no route fits
		to, err := ParseVaults(s)
		c.Routes = append(c.Routes, Route{To: to})
		return err
	})
	read("LIFECYCLE", func(s string) error {
		l, err := ParseLifecycle(s)
		for i := range c.Routes {
			if c.Routes[i].Lifecycle == nil {
				c.Routes[i].Lifecycle = l
			}
		}
		return err
	})
	read("ROLE_ARN", text(&c.RoleARN))
	read("TYPES", func(s string) error { c.Types = Words(s); return nil })
	read("TAGS", func(s string) error { c.Tags = Words(s); return nil })
	read("DELETE_INTERMEDIATE", func(s string) error {
		c.Delete = s == "when-final-complete"
		if !c.Delete && s != "never" {
			return errors.New("it is never or when-final-complete")
		}
		return nil
	})
	read("DELETE_MARGIN", func(s string) error {
		c.Margin = new(time.Duration)
		return duration(c.Margin)(s)
	})
	read("KEEP_NEWEST", func(s string) error {
		c.KeepNewest = new(int)
		return number(c.KeepNewest)(s)
	})
	read("MAX_ATTEMPTS", number(&c.MaxAttempts))
	read("MAX_RECEIVES", number(&c.MaxReceives))
	read("BACKOFF", duration(&c.Backoff))
	read("PATIENCE", duration(&c.Patience))
	read("WINDOW", duration(&c.Window))
	read("DEAD_LETTER_QUEUE_URL", text(&c.DeadLetterURL))
	read("DRY_RUN", func(s string) (err error) { c.DryRun, err = strconv.ParseBool(s); return err })
	return c, errors.Join(errors.Join(wrong...), c.Check())
}

func text(into *string) func(string) error {
	return func(s string) error { *into = s; return nil }
}

func number(into *int) func(string) error {
	return func(s string) (err error) { *into, err = strconv.Atoi(s); return err }
}

func duration(into *time.Duration) func(string) error {
	return func(s string) (err error) { *into, err = time.ParseDuration(s); return err }
}
