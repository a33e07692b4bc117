package iam

import (
	"context"
	"crypto/x509"
	"encoding/pem"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// UploadSigningCertificate gives a user an X.509 certificate.
func (s *Service) UploadSigningCertificate(ctx context.Context, c *api.Caller, in *iam.UploadSigningCertificateInput) (*iam.UploadSigningCertificateOutput, error) {
	block, _ := pem.Decode([]byte(*in.CertificateBody))
	malformed := api.Errorf("MalformedCertificate", "The certificate is not a valid X.509 certificate in PEM format.")
	if block == nil {
		return nil, malformed
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		malformed.Err = err
		return nil, malformed
	}
	certificate := state.UserCredential{ID: newUniqueID("") + newUniqueID("")[:certificateIDLength-uniqueIDLength], Body: string(pem.EncodeToMemory(block))}
	if err := s.addCredential(ctx, c, in.UserName, certificates, &certificate); err != nil {
		return nil, err
	}
	return &iam.UploadSigningCertificateOutput{Certificate: certificateShape(certificate)}, nil
}

// ListSigningCertificates lists a user's certificates.
func (s *Service) ListSigningCertificates(ctx context.Context, c *api.Caller, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	all, err := s.listCredentials(ctx, c, in.UserName, certificates)
	if err != nil {
		return nil, err
	}
	all, next := cut(p, all, func(k state.UserCredential) string { return k.ID })
	out := &iam.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}, Marker: next, IsTruncated: next != nil}
	for _, certificate := range all {
		out.Certificates = append(out.Certificates, *certificateShape(certificate))
	}
	return out, nil
}

// UpdateSigningCertificate makes a certificate Active or Inactive.
func (s *Service) UpdateSigningCertificate(ctx context.Context, c *api.Caller, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	err := s.changeCredential(ctx, c, in.UserName, certificates, in.CertificateId, func(k *state.UserCredential) { k.Status = string(in.Status) })
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSigningCertificateOutput{}, nil
}

// DeleteSigningCertificate removes a certificate.
func (s *Service) DeleteSigningCertificate(ctx context.Context, c *api.Caller, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	if err := s.deleteCredential(ctx, c, in.UserName, certificates, in.CertificateId); err != nil {
		return nil, err
	}
	return &iam.DeleteSigningCertificateOutput{}, nil
}

func certificateShape(k state.UserCredential) *types.SigningCertificate {
	return &types.SigningCertificate{
		CertificateId: aws.String(k.ID), CertificateBody: aws.String(k.Body), UserName: aws.String(k.UserName),
		Status: types.StatusType(k.Status), UploadDate: seconds(k.CreatedAt),
	}
}
