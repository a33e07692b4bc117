package s3

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// mostCORSRules is the greatest number of rules of a bucket.
const mostCORSRules = 100

// GetBucketCors reads the CORS rules.
func (s *Service) GetBucketCors(ctx context.Context, c *api.Caller, in *s3.GetBucketCorsInput) (*s3.GetBucketCorsOutput, error) {
	out := &s3.GetBucketCorsOutput{}
	return out, s.setting(ctx, c, in.Bucket, settingCORS, &out.CORSRules, failure(http.StatusNotFound,
		"NoSuchCORSConfiguration", "The CORS configuration does not exist", "BucketName", str(in.Bucket)))
}

// PutBucketCors sets the rules by which requests from browsers are answered; see [Service.CrossOrigin].
func (s *Service) PutBucketCors(ctx context.Context, c *api.Caller, in *s3.PutBucketCorsInput) (*s3.PutBucketCorsOutput, error) {
	if in.CORSConfiguration == nil || len(in.CORSConfiguration.CORSRules) == 0 {
		return nil, malformedXML()
	}
	if len(in.CORSConfiguration.CORSRules) > mostCORSRules {
		return nil, invalidRequest("The number of CORS rules should not exceed allowed limit of %d rules.", mostCORSRules)
	}
	for _, rule := range in.CORSConfiguration.CORSRules {
		if err := checkCORSRule(rule); err != nil {
			return nil, err
		}
	}
	return &s3.PutBucketCorsOutput{}, s.putSetting(ctx, c, in.Bucket, settingCORS, in.CORSConfiguration.CORSRules)
}

// corsMethods are those that a rule may allow.
var corsMethods = []string{http.MethodGet, http.MethodPut, http.MethodHead, http.MethodPost, http.MethodDelete}

// headerName is what the name of a header, or a pattern of names, is made of.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func checkCORSRule(rule types.CORSRule) error {
	if len(rule.AllowedMethods) == 0 || len(rule.AllowedOrigins) == 0 || len(str(rule.ID)) > 255 {
		return malformedXML()
	}
	for _, method := range rule.AllowedMethods {
		if !slices.Contains(corsMethods, method) {
			return invalidRequest("Found unsupported HTTP method in CORS config. Unsupported method is %s", method)
		}
	}
	for _, origin := range rule.AllowedOrigins {
		if strings.Count(origin, "*") > 1 {
			return invalidRequest("AllowedOrigin \"%s\" can not have more than one wildcard.", origin)
		}
	}
	for _, header := range append(slices.Clone(rule.AllowedHeaders), rule.ExposeHeaders...) {
		if !headerName.MatchString(header) {
			return invalidRequest("AllowedHeader \"%s\" contains invalid character.", header)
		}
	}
	for _, header := range rule.AllowedHeaders {
		if strings.Count(header, "*") > 1 {
			return invalidRequest("AllowedHeader \"%s\" can not have more than one wildcard.", header)
		}
	}
	for _, header := range rule.ExposeHeaders {
		if strings.Contains(header, "*") {
			return invalidRequest("ExposeHeader \"%s\" contains wildcard. We currently do not support wildcard for ExposeHeader.", header)
		}
	}
	return nil
}

// DeleteBucketCors removes them.
func (s *Service) DeleteBucketCors(ctx context.Context, c *api.Caller, in *s3.DeleteBucketCorsInput) (*s3.DeleteBucketCorsOutput, error) {
	return &s3.DeleteBucketCorsOutput{}, s.deleteSetting(ctx, c, in.Bucket, settingCORS)
}

// CrossOrigin is what a browser must be told of a request to a bucket that a page of another origin makes: the headers of
// the first rule that allows method and headers to the origin. It is answered by no other right than the rules. The
// error, where none does, is the answer to a preflight request.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
func (s *Service) CrossOrigin(ctx context.Context, bucket, origin, method string, headers []string) (map[string]string, error) {
	if !slices.Contains(corsMethods, method) {
		return nil, failure(http.StatusBadRequest, "BadRequest", "Invalid Access-Control-Request-Method: "+method)
	}
	for _, header := range headers {
		if !headerName.MatchString(header) {
			return nil, failure(http.StatusBadRequest, "BadRequest", "Invalid Access-Control-Request-Headers: "+header)
		}
	}
	found := false
	var document string
	err := s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		b, err := tx.Bucket(ctx, bucket)
		if found = err == nil; found {
			document, err = tx.BucketSetting(ctx, b.ID, settingCORS)
		}
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		if !found {
			return nil, forbiddenOrigin("CORSResponse: Bucket not found", method)
		}
		return nil, forbiddenOrigin("CORSResponse: CORS is not enabled for this bucket.", method)
	}
	if err != nil {
		return nil, err
	}
	var rules []types.CORSRule
	if err := json.Unmarshal([]byte(document), &rules); err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if answer := corsAnswer(rule, origin, method, headers); answer != nil {
			return answer, nil
		}
	}
	return nil, forbiddenOrigin("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "+
		"Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.", method)
}

func forbiddenOrigin(message, method string) error {
	return failure(http.StatusForbidden, "AccessForbidden", message, "Method", method, "ResourceType", "BUCKET")
}

// corsAnswer is what a rule says of a request; nil if it does not allow it.
func corsAnswer(rule types.CORSRule, origin, method string, headers []string) map[string]string {
	if !slices.Contains(rule.AllowedMethods, method) {
		return nil
	}
	i := slices.IndexFunc(rule.AllowedOrigins, func(pattern string) bool { return matchesWildcard(pattern, origin) })
	if i < 0 {
		return nil
	}
	for _, header := range headers {
		if !slices.ContainsFunc(rule.AllowedHeaders, func(pattern string) bool {
			return matchesWildcard(strings.ToLower(pattern), strings.ToLower(header))
		}) {
			return nil
		}
	}
	answer := map[string]string{
		"Access-Control-Allow-Origin":  origin,
		"Access-Control-Allow-Methods": strings.Join(rule.AllowedMethods, ", "),
		"Vary":                         "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
	}
	if rule.AllowedOrigins[i] == "*" {
		answer["Access-Control-Allow-Origin"] = "*"
	} else {
		answer["Access-Control-Allow-Credentials"] = "true"
	}
	if len(headers) > 0 {
		answer["Access-Control-Allow-Headers"] = strings.ToLower(strings.Join(headers, ", "))
	}
	if len(rule.ExposeHeaders) > 0 {
		answer["Access-Control-Expose-Headers"] = strings.Join(rule.ExposeHeaders, ", ")
	}
	if rule.MaxAgeSeconds != nil {
		answer["Access-Control-Max-Age"] = strconv.Itoa(int(*rule.MaxAgeSeconds))
	}
	return answer
}

// matchesWildcard matches a pattern with at most one asterisk, which stands for any text.
func matchesWildcard(pattern, text string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}
