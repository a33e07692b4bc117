package iam_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/service/iam/iamtest"
)

func TestUserCredentials(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: p("u")}))
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: p("other")}))
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))

	// An SSH key that was uploaded in one form comes back in the other, and the other way round.
	key := must[*iam.UploadSSHPublicKeyOutput](t)(c.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyBody: &public})).SSHPublicKey
	if !strings.HasPrefix(*key.SSHPublicKeyId, "APKA") || !strings.HasPrefix(*key.SSHPublicKeyBody, "ssh-rsa AAAAB3NzaC1yc2E") || len(*key.Fingerprint) != 47 {
		t.Errorf("uploaded %+v", key)
	}
	line := *key.SSHPublicKeyBody + " me@here"
	if _, err := c.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyBody: &line}); code(err) != "DuplicateSSHPublicKey 400" {
		t.Errorf("the same key in the other form: %v", err)
	}
	must[*iam.DeleteSSHPublicKeyOutput](t)(c.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyId: key.SSHPublicKeyId}))
	again := must[*iam.UploadSSHPublicKeyOutput](t)(c.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyBody: &line})).SSHPublicKey
	got := must[*iam.GetSSHPublicKeyOutput](t)(c.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyId: again.SSHPublicKeyId, Encoding: types.EncodingTypePem})).SSHPublicKey
	if strings.TrimSpace(*got.SSHPublicKeyBody) != strings.TrimSpace(public) || *got.Fingerprint != *key.Fingerprint {
		t.Errorf("the key comes back as %s", *got.SSHPublicKeyBody)
	}
	second, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKIXPublicKey(&second.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key = must[*iam.UploadSSHPublicKeyOutput](t)(c.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{
		UserName: p("u"), SSHPublicKeyBody: p(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
	})).SSHPublicKey
	for _, bad := range []string{"ssh-rsa AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ", "no key"} {
		if _, err := c.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyBody: &bad}); code(err) != "InvalidPublicKey 400" {
			t.Errorf("%q as a key: %v", bad, err)
		}
	}
	must[*iam.UpdateSSHPublicKeyOutput](t)(c.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyId: key.SSHPublicKeyId, Status: types.StatusTypeInactive}))
	inactive := 0
	pages := iam.NewListSSHPublicKeysPaginator(c, &iam.ListSSHPublicKeysInput{UserName: p("u"), MaxItems: p(int32(1))})
	n := 0
	for ; pages.HasMorePages(); n++ {
		for _, k := range must[*iam.ListSSHPublicKeysOutput](t)(pages.NextPage(ctx)).SSHPublicKeys {
			if k.Status == types.StatusTypeInactive {
				inactive++
			}
		}
	}
	if n != 2 || inactive != 1 {
		t.Errorf("%d pages, %d keys are inactive", n, inactive)
	}
	if _, err := c.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: p("other"), SSHPublicKeyId: key.SSHPublicKeyId, Encoding: types.EncodingTypeSsh}); code(err) != "NoSuchEntity 404" {
		t.Errorf("as another user's: %v", err)
	}

	// Signing certificates.
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	body := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if _, err := c.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: p("u"), CertificateBody: &public}); code(err) != "MalformedCertificate 400" {
		t.Errorf("a key as a certificate: %v", err)
	}
	certificate := must[*iam.UploadSigningCertificateOutput](t)(c.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: p("u"), CertificateBody: &body})).Certificate
	if _, err := c.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: p("u"), CertificateBody: &body}); code(err) != "DuplicateCertificate 409" {
		t.Errorf("the same certificate again: %v", err)
	}
	must[*iam.UpdateSigningCertificateOutput](t)(c.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: p("u"), CertificateId: certificate.CertificateId, Status: types.StatusTypeInactive}))
	certificates := must[*iam.ListSigningCertificatesOutput](t)(c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: p("u")})).Certificates
	if len(certificates) != 1 || certificates[0].Status != types.StatusTypeInactive || len(*certificates[0].CertificateId) != 24 {
		t.Errorf("certificates: %+v", certificates)
	}

	// Credentials for single services.
	create := func(service string) (*iam.CreateServiceSpecificCredentialOutput, error) {
		return c.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: p("u"), ServiceName: &service})
	}
	if _, err := create("s3.amazonaws.com"); code(err) != "NotSupportedService 404" {
		t.Errorf("for a service that takes none: %v", err)
	}
	credential := must[*iam.CreateServiceSpecificCredentialOutput](t)(create("codecommit.amazonaws.com")).ServiceSpecificCredential
	must[*iam.CreateServiceSpecificCredentialOutput](t)(create("codecommit.amazonaws.com"))
	must[*iam.CreateServiceSpecificCredentialOutput](t)(create("cassandra.amazonaws.com"))
	if _, err := create("codecommit.amazonaws.com"); code(err) != "LimitExceeded 409" {
		t.Errorf("a third one: %v", err)
	}
	reset := must[*iam.ResetServiceSpecificCredentialOutput](t)(c.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{UserName: p("u"), ServiceSpecificCredentialId: credential.ServiceSpecificCredentialId})).ServiceSpecificCredential
	if *reset.ServicePassword == *credential.ServicePassword || *reset.ServiceUserName != "u-at-111111111111" {
		t.Errorf("reset to %+v", reset)
	}
	must[*iam.UpdateServiceSpecificCredentialOutput](t)(c.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{
		UserName: p("u"), ServiceSpecificCredentialId: credential.ServiceSpecificCredentialId, Status: types.StatusTypeInactive,
	}))
	list := must[*iam.ListServiceSpecificCredentialsOutput](t)(c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: p("u"), ServiceName: p("codecommit.amazonaws.com")})).ServiceSpecificCredentials
	if len(list) != 2 {
		t.Errorf("for CodeCommit: %+v", list)
	}

	// A user goes only after all of it.
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: p("u")})
	if code(err) != "DeleteConflict 409" {
		t.Errorf("deleting the user: %v", err)
	}
	for _, id := range []*string{key.SSHPublicKeyId, again.SSHPublicKeyId} {
		must[*iam.DeleteSSHPublicKeyOutput](t)(c.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: p("u"), SSHPublicKeyId: id}))
	}
	must[*iam.DeleteSigningCertificateOutput](t)(c.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{UserName: p("u"), CertificateId: certificate.CertificateId}))
	for _, k := range must[*iam.ListServiceSpecificCredentialsOutput](t)(c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: p("u")})).ServiceSpecificCredentials {
		must[*iam.DeleteServiceSpecificCredentialOutput](t)(c.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{UserName: p("u"), ServiceSpecificCredentialId: k.ServiceSpecificCredentialId}))
	}
	must[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: p("u")}))
}

func TestServiceLinkedRolesOfServices(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	for service, name := range map[string]string{
		"rds.amazonaws.com": "AWSServiceRoleForRDS", "organizations.amazonaws.com": "AWSServiceRoleForOrganizations",
		"cloudtrail.amazonaws.com": "AWSServiceRoleForCloudTrail", "reports.backup.amazonaws.com": "AWSServiceRoleForBackupReports",
		"restore-testing.backup.amazonaws.com": "AWSServiceRoleForBackupRestoreTesting",
	} {
		role := must[*iam.CreateServiceLinkedRoleOutput](t)(c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service})).Role
		if *role.RoleName != name {
			t.Errorf("the role of %s is %s, want %s", service, *role.RoleName, name)
		}
		attached := must[*iam.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: role.RoleName})).AttachedPolicies
		if len(attached) != 1 {
			t.Fatalf("policies of %s: %+v", name, attached)
		}
		must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: attached[0].PolicyArn}))
	}
}
