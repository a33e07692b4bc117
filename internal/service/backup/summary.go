package backup

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// group is what jobs are counted by.
type group struct{ region, account, state, resourceType, category string }

// summary counts jobs of the last days.
type summary struct {
	group
	count      int32
	start, end time.Time
}

// aggregation is the number of days that a summary covers.
func aggregation(period types.AggregationPeriod) (int, error) {
	switch period {
	case "", types.AggregationPeriodOneDay:
		return 1, nil
	case types.AggregationPeriodSevenDays:
		return 7, nil
	case types.AggregationPeriodFourteenDays:
		return 14, nil
	}
	return 0, invalid("Invalid AggregationPeriod %q.", period)
}

// summarize counts jobs whose creation lies in the period, by all that tells them apart. The wildcards ANY, "" and, for
// counts over all values, AGGREGATE_ALL stand for every value.
func summarize(jobs []group, asked group, days int, now time.Time) []summary {
	counts := map[group]int32{}
	for _, job := range jobs {
		key, wanted := job, true
		for _, part := range []struct {
			asked string
			value *string
		}{{asked.account, &key.account}, {asked.state, &key.state}, {asked.resourceType, &key.resourceType}, {asked.category, &key.category}} {
			switch part.asked {
			case "", "ANY":
			case "AGGREGATE_ALL":
				*part.value = part.asked
			default:
				wanted = wanted && part.asked == *part.value
			}
		}
		if wanted {
			counts[key]++
		}
	}
	var all []summary
	for key, n := range counts {
		all = append(all, summary{key, n, now.AddDate(0, 0, -days), now})
	}
	slices.SortFunc(all, func(a, b summary) int { return cmp.Compare(a.name(), b.name()) })
	return all
}

func (g group) name() string {
	return g.account + "\x00" + g.region + "\x00" + g.resourceType + "\x00" + g.state + "\x00" + g.category
}

// summaries is one page of a summary over jobs that read collects.
func summaries[Out any](ctx context.Context, s *Service, c *api.Caller, operation string, maxResults *int32, token, account *string, asked group, period types.AggregationPeriod,
	read func(ctx context.Context, tx *state.Tx, f state.JobFilter) ([]group, error), show func(summary) Out,
) ([]Out, *string, *string, error) {
	p, err := s.page(c, operation, maxResults, token)
	if err != nil {
		return nil, nil, nil, err
	}
	days, err := aggregation(period)
	if err != nil {
		return nil, nil, nil, err
	}
	f := state.JobFilter{}
	asked.account = aws.ToString(account)
	by := account
	if asked.account == "ANY" || asked.account == "AGGREGATE_ALL" {
		by = aws.String("*")
	}
	if err := s.accounts(ctx, c, by, &f); err != nil {
		return nil, nil, nil, err
	}
	var rest []summary
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		now := tx.Now.Time()
		f.Region, f.CreatedAfter = c.Region, state.MicrosOf(now.AddDate(0, 0, -days))
		jobs, err := read(ctx, tx, f)
		for _, one := range summarize(jobs, asked, days, now) {
			if one.name() > p.after.ID {
				rest = append(rest, one)
			}
		}
		return err
	})
	out, next := cut(p, rest, func(s summary) state.Cursor { return state.Cursor{ID: s.name()} }, show)
	if period == "" {
		period = types.AggregationPeriodOneDay
	}
	return out, next, aws.String(string(period)), err
}

// ListBackupJobSummaries counts the backup jobs of the last days.
func (s *Service) ListBackupJobSummaries(ctx context.Context, c *api.Caller, in *backup.ListBackupJobSummariesInput) (*backup.ListBackupJobSummariesOutput, error) {
	asked := group{state: string(in.State), resourceType: aws.ToString(in.ResourceType), category: aws.ToString(in.MessageCategory)}
	out, next, period, err := summaries(ctx, s, c, "ListBackupJobSummaries", in.MaxResults, in.NextToken, in.AccountId, asked, in.AggregationPeriod,
		func(ctx context.Context, tx *state.Tx, f state.JobFilter) (all []group, err error) {
			jobs, err := tx.BackupJobs(ctx, f, state.Cursor{}, 0)
			for _, j := range jobs {
				all = append(all, group{j.Region, j.AccountID, j.State, j.ResourceType, j.MessageCategory})
			}
			return all, err
		},
		func(m summary) types.BackupJobSummary {
			return types.BackupJobSummary{
				Region: &m.region, AccountId: &m.account, State: types.BackupJobStatus(m.state), ResourceType: &m.resourceType,
				MessageCategory: optional(m.category), Count: m.count, StartTime: &m.start, EndTime: &m.end,
			}
		})
	return &backup.ListBackupJobSummariesOutput{BackupJobSummaries: out, NextToken: next, AggregationPeriod: period}, err
}

// ListCopyJobSummaries counts the copy jobs of the last days.
func (s *Service) ListCopyJobSummaries(ctx context.Context, c *api.Caller, in *backup.ListCopyJobSummariesInput) (*backup.ListCopyJobSummariesOutput, error) {
	asked := group{state: string(in.State), resourceType: aws.ToString(in.ResourceType), category: aws.ToString(in.MessageCategory)}
	out, next, period, err := summaries(ctx, s, c, "ListCopyJobSummaries", in.MaxResults, in.NextToken, in.AccountId, asked, in.AggregationPeriod,
		func(ctx context.Context, tx *state.Tx, f state.JobFilter) (all []group, err error) {
			jobs, err := tx.CopyJobs(ctx, f, state.Cursor{}, 0)
			for _, j := range jobs {
				all = append(all, group{j.Region, j.AccountID, j.State, j.ResourceType, j.MessageCategory})
			}
			return all, err
		},
		func(m summary) types.CopyJobSummary {
			return types.CopyJobSummary{
				Region: &m.region, AccountId: &m.account, State: types.CopyJobStatus(m.state), ResourceType: &m.resourceType,
				MessageCategory: optional(m.category), Count: m.count, StartTime: &m.start, EndTime: &m.end,
			}
		})
	return &backup.ListCopyJobSummariesOutput{CopyJobSummaries: out, NextToken: next, AggregationPeriod: period}, err
}

// ListRestoreJobSummaries counts the restore jobs of the last days.
func (s *Service) ListRestoreJobSummaries(ctx context.Context, c *api.Caller, in *backup.ListRestoreJobSummariesInput) (*backup.ListRestoreJobSummariesOutput, error) {
	asked := group{state: string(in.State), resourceType: aws.ToString(in.ResourceType)}
	out, next, period, err := summaries(ctx, s, c, "ListRestoreJobSummaries", in.MaxResults, in.NextToken, in.AccountId, asked, in.AggregationPeriod,
		func(ctx context.Context, tx *state.Tx, f state.JobFilter) (all []group, err error) {
			jobs, err := tx.RestoreJobs(ctx, f, state.Cursor{}, 0)
			for _, j := range jobs {
				all = append(all, group{region: j.Region, account: j.AccountID, state: j.State, resourceType: j.ResourceType})
			}
			return all, err
		},
		func(m summary) types.RestoreJobSummary {
			return types.RestoreJobSummary{
				Region: &m.region, AccountId: &m.account, State: types.RestoreJobState(m.state), ResourceType: &m.resourceType,
				Count: m.count, StartTime: &m.start, EndTime: &m.end,
			}
		})
	return &backup.ListRestoreJobSummariesOutput{RestoreJobSummaries: out, NextToken: next, AggregationPeriod: period}, err
}
