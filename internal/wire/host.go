package wire

import (
	"net"
	"strings"
)

// bucketOf returns the bucket that a host names in the virtual-hosted style, or "" for the path style.
func bucketOf(host string, domains []string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(host, ".")
	for _, domain := range domains {
		prefix, ok := strings.CutSuffix(host, "."+domain)
		if !ok {
			continue
		}
		labels := strings.Split(prefix, ".")
		for i := len(labels) - 1; i >= 0; i-- {
			if labels[i] == "s3" || strings.HasPrefix(labels[i], "s3-") {
				return strings.Join(labels[:i], ".")
			}
		}
		return prefix
	}
	return ""
}

// looksLikeRegion reports whether s has the form of a Region's name: eu-central-1, us-gov-west-1.
func looksLikeRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 3 || len(parts) > 4 || len(s) > 24 {
		return false
	}
	for i, part := range parts {
		for _, c := range part {
			if last := i == len(parts)-1; last && (c < '0' || c > '9') || !last && (c < 'a' || c > 'z') {
				return false
			}
		}
		if part == "" {
			return false
		}
	}
	return true
}
