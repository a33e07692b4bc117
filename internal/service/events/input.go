package events

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"strongroom/internal/state"
)

// inputOf is what a target gets of an event: all of it, what the target's Input says, a part of it, or a text made of it.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
func inputOf(t types.Target, r state.EventRule, e envelope) (string, error) {
	switch {
	case t.Input != nil:
		return *t.Input, nil
	case t.InputPath != nil:
		p, err := parsePath(*t.InputPath)
		if err != nil {
			return "", err
		}
		part, ok := p.in(e.doc)
		if !ok {
			return "null", nil
		}
		return spell(part)
	case t.InputTransformer != nil:
		return transform(*t.InputTransformer, r, e)
	}
	return e.text, nil
}

var (
	placeholder = regexp.MustCompile(`<[A-Za-z0-9_.-]+>`)
	reserved    = []string{"aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event", "aws.events.event.json"}
)

func checkTransformer(t types.Target) error {
	x := t.InputTransformer
	if x == nil {
		return nil
	}
	known := map[string]bool{}
	for name, text := range x.InputPathsMap {
		if strings.HasPrefix(strings.ToLower(name), "aws") {
			return invalid("Invalid InputTransformer for target %s : InputPathsMap keys must not start with AWS.", *t.Id)
		}
		if _, err := parsePath(text); err != nil {
			return invalid("Invalid InputTransformer for target %s : [InputPathsMap value %s is not a valid JSONPath.]", *t.Id, text)
		}
		known["<"+name+">"] = true
	}
	for _, name := range reserved {
		known["<"+name+">"] = true
	}
	for _, name := range placeholder.FindAllString(aws.ToString(x.InputTemplate), -1) {
		if !known[name] {
			return invalid("Invalid InputTemplate for target %s : [%s is not a defined variable.]", *t.Id, strings.Trim(name, "<>"))
		}
	}
	return nil
}

// mostTransformed is how many bytes a target's transformer makes at most.
const mostTransformed = 256 << 10

// errTooLarge says that what a transformer makes is longer than [mostTransformed].
var errTooLarge = fmt.Errorf("the transformed event is larger than %d bytes", mostTransformed)

// transform fills a template in. Within quotes a value stands as its text, outside of them as JSON. It gives up with
// [errTooLarge] as soon as the text is too long.
func transform(x types.InputTransformer, r state.EventRule, e envelope) (string, error) {
	values := map[string]any{
		"aws.events.rule-arn": r.ARN, "aws.events.rule-name": r.Name, "aws.events.event.ingestion-time": e.ingested.Format(time.RFC3339Nano),
		"aws.events.event.json": e.doc,
	}
	whole, _ := e.doc.(map[string]any)
	without := map[string]any{}
	for name, value := range whole {
		if name != "detail" {
			without[name] = value
		}
	}
	values["aws.events.event"] = without
	for name, text := range x.InputPathsMap {
		p, err := parsePath(text)
		if err != nil {
			return "", err
		}
		if value, ok := p.in(e.doc); ok {
			values[name] = value
		}
	}
	var b strings.Builder
	quoted := false
	template := aws.ToString(x.InputTemplate)
	for i := 0; i < len(template); i++ {
		if b.Len() > mostTransformed {
			return "", errTooLarge
		}
		switch {
		case quoted && template[i] == '\\' && i+1 < len(template):
			b.WriteString(template[i : i+2])
			i++
		case template[i] == '"':
			quoted = !quoted
			b.WriteByte('"')
		case template[i] == '<':
			name := placeholder.FindString(template[i:])
			if name == "" || !strings.HasPrefix(template[i:], name) {
				b.WriteByte('<')
				continue
			}
			name = strings.Trim(name, "<>")
			if name == "aws.events.event.json" && len(e.text) > 2*mostTransformed {
				return "", errTooLarge // not worth spelling
			}
			text, err := fill(values, name, quoted)
			if err != nil {
				return "", err
			}
			if b.Len()+len(text) > mostTransformed {
				return "", errTooLarge
			}
			b.WriteString(text)
			i += len(name) + 1
		default:
			b.WriteByte(template[i])
		}
	}
	return b.String(), nil
}

// fill spells a value for its place. What the event does not have is empty within quotes, and null outside of them.
func fill(values map[string]any, name string, quoted bool) (string, error) {
	value, ok := values[name]
	if !quoted {
		return spell(value)
	}
	if !ok || value == nil {
		return "", nil
	}
	text, isText := value.(string)
	if !isText {
		var err error
		if text, err = spell(value); err != nil {
			return "", err
		}
		if _, isNumber := value.(json.Number); isNumber {
			return text, nil
		}
	}
	escaped, err := spell(text)
	return strings.TrimSuffix(strings.TrimPrefix(escaped, `"`), `"`), err
}
