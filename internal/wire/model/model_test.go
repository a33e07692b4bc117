package model

import "testing"

func TestEveryFileIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, name := range append(Names(), "query/sqs") {
		data, err := files.ReadFile(name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(name, string(data))
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Protocol == "" || len(s.Operations) == 0 {
			t.Errorf("%s has protocol %q and %d operations", name, s.Protocol, len(s.Operations))
		}
		if (s.Protocol == Query || s.Protocol == EC2 || s.Protocol == RESTXML) && s.Namespace == "" {
			t.Errorf("%s has no XML namespace", name)
		}
	}
}
