package lambda

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// publish makes a version of $LATEST.
func publish(ctx context.Context, tx *state.Tx, f *state.Function, v state.FunctionVersion, description string) (state.FunctionVersion, error) {
	f.LastVersion++
	v.Number, v.RevisionID = f.LastVersion, uuid.NewString()
	v.Configuration.Description = description
	if err := tx.InsertFunctionVersion(ctx, v); err != nil {
		return v, err
	}
	return v, tx.UpdateFunction(ctx, *f)
}

// publishLatest makes a version of $LATEST, unless the last one is the same.
func (s *Service) publishLatest(ctx context.Context, n name, digest, revision, description *string) (v state.FunctionVersion, err error) {
	err = s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		if v, err = tx.FunctionVersion(ctx, f.ARN, 0); err != nil {
			return err
		}
		switch {
		case revision != nil && *revision != v.RevisionID:
			return stale()
		case digest != nil && *digest != base64Of(v.CodeSHA256):
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *digest, base64Of(v.CodeSHA256))
		}
		if last, err := tx.FunctionVersion(ctx, f.ARN, f.LastVersion); err == nil && f.LastVersion > 0 && last.Configuration.LastModified == v.Configuration.LastModified {
			v = last
			return nil
		}
		if description == nil {
			description = &v.Configuration.Description
		}
		v, err = publish(ctx, tx, f, v, *description)
		return err
	})
	return v, err
}

// PublishVersion makes a version of $LATEST. One that would be like the last is not made.
func (s *Service) PublishVersion(ctx context.Context, c *api.Caller, in *lambda.PublishVersionInput) (*lambda.PublishVersionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := checkBeyond(in); err != nil {
		return nil, err
	}
	v, err := s.publishLatest(ctx, n, in.CodeSha256, in.RevisionId, in.Description)
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	return as[lambda.PublishVersionOutput](s.configuration(ctx, c, f, v)), nil
}

// ListVersionsByFunction lists $LATEST, then the versions as they were published.
func (s *Service) ListVersionsByFunction(ctx context.Context, c *api.Caller, in *lambda.ListVersionsByFunctionInput) (*lambda.ListVersionsByFunctionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	scope := "lambda:ListVersionsByFunction:" + f.ARN
	after, err := s.Pages.After(scope, in.Marker, "InvalidParameterValueException")
	if err != nil {
		return nil, err
	}
	from := int64(-1)
	if after != "" {
		if from, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, err
		}
	}
	limit := pageOf(in.MaxItems)
	out := &lambda.ListVersionsByFunctionOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		versions, err := tx.FunctionVersions(ctx, f.ARN, from, limit+1)
		if err != nil {
			return err
		}
		versions, next := page.Cut(versions, limit, func(v state.FunctionVersion) string { return strconv.FormatInt(v.Number, 10) })
		out.NextMarker = s.Pages.Next(scope, next)
		for _, v := range versions {
			shown := s.configuration(ctx, c, f, v)
			shown.FunctionArn = aws.String(f.ARN + ":" + versionName(v.Number))
			out.Versions = append(out.Versions, shown)
		}
		return nil
	})
}
