package sns

import (
	"errors"
	"net/netip"
	"testing"
)

func TestAddressesOfEndpoints(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}
	for address, public := range map[string]bool{
		"93.184.215.14:80": true, "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443": true, "[::ffff:93.184.215.14]:80": true,
		"10.1.2.3:80": true, "[fd00::7]:80": true, "[::ffff:10.1.2.3]:80": true, // allowed
		"10.2.0.1:80": false, "172.16.0.1:80": false, "192.168.0.1:80": false, "[fd00:0:0:1::7]:80": false,
		"127.0.0.1:80": false, "127.9.9.9:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "[::127.0.0.1]:80": false,
		"0.0.0.0:80": false, "0.1.2.3:80": false, "[::]:80": false,
		"169.254.169.254:80": false, "[fe80::1%eth0]:80": false, "[fe80::1]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[2002:a9fe:a9fe::1]:80": false,
		"224.0.0.1:80": false, "[ff02::1]:80": false, "255.255.255.255:80": false, "100.100.100.200:80": false, "[fec0::1%2]:80": false,
	} {
		if err := judge(address, allowed); public != (err == nil) || err != nil && !errors.Is(err, errNotPublic) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if judge("localhost:80", nil) == nil {
		t.Error("what is no address passes")
	}
}
