package dbengine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	"strongroom/clock"
)

// Certificate makes, if there is none yet, a certificate for the database's address that it signs itself, so that clients
// which ask for an encrypted connection get one. Key and certificate are not part of backups.
func (s Settings) Certificate() (certificate, key string, err error) {
	dir := s.Path("tls")
	certificate, key = s.Path("tls", "server.crt"), s.Path("tls", "server.key")
	if _, err := os.Stat(certificate); err == nil {
		return certificate, key, s.GiveTree(dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	if err := s.MakeDir(dir); err != nil {
		return "", "", err
	}
	certified, private, err := selfSigned(s.Address)
	if err != nil {
		return "", "", fmt.Errorf("making a certificate: %w", err)
	}
	// The certificate comes last: where it is, the key is.
	if err := s.WriteFile(key, private); err != nil {
		return "", "", err
	}
	return certificate, key, s.WriteFile(certificate, certified)
}

func selfSigned(address string) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	now := clock.Wall.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: address},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
		DNSNames: []string{"localhost"},
	}
	if ip := net.ParseIP(address); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}
