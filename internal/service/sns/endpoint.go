package sns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const endpointTimeout = 15 * time.Second

// newClient is what endpoints are called with. Subscribers name them, and whoever subscribes must not reach through the
// server what only the server reaches: addresses are judged once names are resolved, just before each connection. It asks
// no proxy, whose address would be judged in the place of the endpoint's, and follows no redirect.
func newClient(allowed []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: endpointTimeout, Control: func(_, address string, _ syscall.RawConn) error { return judge(address, allowed) }}
	return &http.Client{
		Timeout:       endpointTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 100, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: endpointTimeout,
		},
	}
}

// special are the networks that are none of the public Internet, beside those that [netip.Addr] knows, or that carry an
// address of another network in their own.
// https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // behind a carrier's NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocols
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4 inside IPv6, of old
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of a network's own
	netip.MustParsePrefix("2001::/32"),       // Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("fec0::/10"),       // a site's own, of old
}

// judge refuses an address that is neither public nor allowed.
func judge(address string, allowed []netip.Prefix) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("judging the address %s: %w", address, err)
	}
	ip := at.Addr().Unmap().WithZone("")
	inside := func(network netip.Prefix) bool { return network.Contains(ip) }
	if slices.ContainsFunc(allowed, inside) {
		return nil
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(special, inside) {
		return fmt.Errorf("%w: %s", errNotPublic, ip)
	}
	return nil
}

// errNotPublic is the refusal of an address that webhooks.allow does not name.
var errNotPublic = errors.New("the address is not public, and webhooks.allow does not name it")

// undelivered is all that the subscriber is told, in the dead-letter queue, of an endpoint that does not take a message:
// what it answers, or whether it is there, is the business of who owns it. The log has why.
func undelivered(status int, why error) error {
	return &api.Error{Code: "EndpointFailure", Message: "The message could not be delivered to the endpoint.", Status: status, Err: why}
}

// Post sends a message to an HTTP or HTTPS endpoint. A refusal that will not pass is an [api.Error] of status 400.
func (s *Service) Post(ctx context.Context, d state.Delivery) error {
	status, err := s.post(ctx, d)
	if err == nil {
		return nil
	}
	told := http.StatusServiceUnavailable
	if errors.Is(err, errNotPublic) || status != 0 && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
		told = http.StatusBadRequest
	}
	s.Log.InfoContext(ctx, "an endpoint took no message", slog.String("topic", d.SourceARN), slog.String("endpoint", d.TargetARN), slog.String("error", err.Error()))
	return undelivered(told, err)
}

// post makes one attempt, and tells what the endpoint answers; 0: nothing.
func (s *Service) post(ctx context.Context, d state.Delivery) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.TargetARN, strings.NewReader(d.Message))
	if err != nil {
		return http.StatusBadRequest, err
	}
	for name, value := range d.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	request.Header.Set("User-Agent", "Amazon Simple Notification Service Agent")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // what is left unread costs the connection
	if err := response.Body.Close(); err != nil {
		return 0, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return response.StatusCode, fmt.Errorf("the endpoint answers %s", response.Status)
	}
	return response.StatusCode, nil
}
