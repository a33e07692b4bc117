package backup

import (
	"fmt"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// mostPerPage is how much a list answers at once, and by default.
const mostPerPage = 1000

// pages is one list's paging: its scope binds a token to the operation and the account, so that no token opens another
// list.
type pages struct {
	service *Service
	scope   string
	after   state.Cursor
	limit   int
}

// page reads MaxResults and NextToken.
func (s *Service) page(c *api.Caller, operation string, maxResults *int32, token *string) (pages, error) {
	p := pages{service: s, scope: "backup:" + operation + ":" + c.AccountID + ":" + c.Region, limit: mostPerPage}
	if maxResults != nil {
		if *maxResults < 1 || *maxResults > mostPerPage {
			return p, invalid("MaxResults must be between 1 and %d.", mostPerPage)
		}
		p.limit = int(*maxResults)
	}
	if token != nil && *token != "" {
		if err := s.Pages.Open(p.scope, *token, &p.after); err != nil {
			e := invalid("Invalid NextToken.")
			e.Err = fmt.Errorf("opening a token: %w", err)
			return p, e
		}
	}
	return p, nil
}

// cut makes a page of rows of which one more than the limit was read, and the token for the rest.
func cut[Row, Out any](p pages, rows []Row, at func(Row) state.Cursor, show func(Row) Out) ([]Out, *string) {
	var next *string
	if len(rows) > p.limit {
		rows = rows[:p.limit]
		token := p.service.Pages.Seal(p.scope, at(rows[p.limit-1]))
		next = &token
	}
	out := make([]Out, 0, len(rows))
	for _, r := range rows {
		out = append(out, show(r))
	}
	return out, next
}
