package copier

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"strongroom/clock"
)

// metricsNamespace is where CloudWatch shows the copier's metrics.
const metricsNamespace = "Strongroom/Copier"

// Metrics writes metrics as lines in CloudWatch's embedded metric format, which Lambda's log turns into metrics without a
// call. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
// A nil Metrics writes nothing. Its methods may be called at once.
type Metrics struct {
	mu    sync.Mutex // guards to, so that lines stay whole
	to    io.Writer
	clock clock.Clock
}

// NewMetrics writes to a writer, which at Lambda is the standard output.
func NewMetrics(to io.Writer, c clock.Clock) *Metrics { return &Metrics{to: to, clock: c} }

// Count adds n to a metric, of a vault or of none; 0 is not worth a line, but for what alarms watch.
func (m *Metrics) Count(name string, of Vault, n int) {
	if n != 0 || name == "HopsStuck" {
		m.write(name, "Count", of, float64(n))
	}
}

// Seconds adds a duration to a metric.
func (m *Metrics) Seconds(name string, of Vault, d time.Duration) {
	m.write(name, "Seconds", of, d.Seconds())
}

func (m *Metrics) write(name, unit string, of Vault, value float64) {
	if m == nil {
		return
	}
	dimensions := []string{}
	line := map[string]any{name: value}
	if of.ARN != "" {
		dimensions = append(dimensions, "Region", "Vault")
		line["Region"], line["Vault"] = of.Region, of.Name
	}
	line["_aws"] = map[string]any{
		"Timestamp": m.clock.Now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": metricsNamespace, "Dimensions": [][]string{dimensions}, "Metrics": []any{map[string]any{"Name": name, "Unit": unit}},
		}},
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic("a map of strings and numbers can be encoded: " + err.Error())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.to.Write(append(text, '\n')) // who does not hear of metrics is told by their absence
}
