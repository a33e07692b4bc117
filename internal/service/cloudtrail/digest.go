package cloudtrail

import (
	"context"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	// digestInterval is how often digests are delivered.
	digestInterval = time.Hour
	digestTime     = "2006-01-02T15:04:05Z"
	signatureName  = "SHA256withRSA"
)

// digestFile is the form of
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
type digestFile struct {
	AccountID             string      `json:"awsAccountId"`
	StartTime             string      `json:"digestStartTime"`
	EndTime               string      `json:"digestEndTime"`
	Bucket                string      `json:"digestS3Bucket"`
	Object                string      `json:"digestS3Object"`
	Fingerprint           string      `json:"digestPublicKeyFingerprint"`
	Algorithm             string      `json:"digestSignatureAlgorithm"`
	NewestEventTime       *string     `json:"newestEventTime"`
	OldestEventTime       *string     `json:"oldestEventTime"`
	PreviousBucket        *string     `json:"previousDigestS3Bucket"`
	PreviousObject        *string     `json:"previousDigestS3Object"`
	PreviousHashValue     *string     `json:"previousDigestHashValue"`
	PreviousHashAlgorithm *string     `json:"previousDigestHashAlgorithm"`
	PreviousSignature     *string     `json:"previousDigestSignature"`
	LogFiles              []digestLog `json:"logFiles"`
}

type digestLog struct {
	Bucket        string `json:"s3Bucket"`
	Object        string `json:"s3Object"`
	HashValue     string `json:"hashValue"`
	HashAlgorithm string `json:"hashAlgorithm"`
	Newest        string `json:"newestEventTime"`
	Oldest        string `json:"oldestEventTime"`
}

// digest delivers the digests of the hours that have ended since the last ones: for each account and Region of which there
// are log files or an earlier digest, and for the trail's home. Hours in which nothing ran have one together.
func (s *Service) digest(ctx context.Context, t state.Trail) error {
	begin := t.DigestedAt.Time()
	hours := s.Clock.Now().Sub(begin).Truncate(digestInterval)
	if hours <= 0 {
		return nil
	}
	end := state.MicrosOf(begin.Add(hours))
	var files []state.TrailFile
	var last []state.TrailDigest
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if files, err = tx.TrailFiles(ctx, t.ARN, end); err != nil {
			return err
		}
		last, err = tx.TrailDigests(ctx, t.ARN)
		return err
	})
	if err != nil {
		return err
	}
	chains := map[[2]string]*state.TrailDigest{{t.AccountID, t.Region}: nil}
	for _, f := range files {
		chains[[2]string{f.AccountID, f.Region}] = nil
	}
	for i, d := range last {
		if d.EndAt < end { // one that reaches this end was written before a crash
			chains[[2]string{d.AccountID, d.Region}] = &last[i]
		} else {
			delete(chains, [2]string{d.AccountID, d.Region})
		}
	}
	for place, previous := range chains {
		of := slices.DeleteFunc(slices.Clone(files), func(f state.TrailFile) bool { return f.AccountID != place[0] || f.Region != place[1] })
		d, err := s.writeDigest(ctx, t, place[0], place[1], end, previous, of)
		if err != nil {
			t.Status.DigestError = deliveryError(err)
			return s.keepStatus(ctx, t)
		}
		if err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.PutTrailDigest(ctx, d, of) }); err != nil {
			return err
		}
	}
	t.DigestedAt = end
	t.Status.DigestAt, t.Status.DigestError = state.MicrosOf(s.Clock.Now()), ""
	return s.keepStatus(ctx, t)
}

// writeDigest signs a digest and puts it into the bucket.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
func (s *Service) writeDigest(ctx context.Context, t state.Trail, account, region string, end state.Micros, previous *state.TrailDigest, files []state.TrailFile) (state.TrailDigest, error) {
	key, err := s.signer(ctx)
	if err != nil {
		return state.TrailDigest{}, err
	}
	at := end.Time().UTC()
	d := digestFile{
		AccountID: account, StartTime: t.DigestedAt.Time().UTC().Format(digestTime), EndTime: at.Format(digestTime), Bucket: t.Bucket,
		Object: fmt.Sprintf("%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest_%s_%s_%s_%s.json.gz", folder(t, account), region, at.Format("2006/01/02"),
			account, region, t.Name, t.Region, at.Format("20060102T150405Z")),
		Fingerprint: fingerprint(&key.PublicKey), Algorithm: signatureName, LogFiles: []digestLog{},
	}
	signedPrevious := "null"
	if previous != nil {
		d.PreviousBucket, d.PreviousObject, d.PreviousHashValue, d.PreviousHashAlgorithm = &previous.Bucket, &previous.Object, &previous.Hash, new("SHA-256")
		d.PreviousSignature, signedPrevious = &previous.Signature, previous.Signature
	}
	var oldest, newest state.Micros
	for i, f := range files {
		if i == 0 || f.Oldest < oldest {
			oldest = f.Oldest
		}
		newest = max(newest, f.Newest)
		d.LogFiles = append(d.LogFiles, digestLog{
			Bucket: f.Bucket, Object: f.Object, HashValue: f.Hash, HashAlgorithm: "SHA-256",
			Newest: f.Newest.Time().UTC().Format(digestTime), Oldest: f.Oldest.Time().UTC().Format(digestTime),
		})
	}
	if len(files) > 0 {
		d.OldestEventTime, d.NewestEventTime = new(oldest.Time().UTC().Format(digestTime)), new(newest.Time().UTC().Format(digestTime))
	}
	content, err := json.Marshal(d)
	if err != nil {
		return state.TrailDigest{}, err
	}
	hash := sha256.Sum256(content)
	signed := sha256.Sum256([]byte(d.EndTime + "\n" + d.Bucket + "/" + d.Object + "\n" + hex.EncodeToString(hash[:]) + "\n" + signedPrevious))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, signed[:])
	if err != nil {
		return state.TrailDigest{}, err
	}
	in := object(t, d.Object)
	in.Metadata = map[string]string{"signature": hex.EncodeToString(signature), "signature-algorithm": signatureName}
	return state.TrailDigest{
		TrailARN: t.ARN, AccountID: account, Region: region, EndAt: end, Bucket: d.Bucket, Object: d.Object,
		Hash: hex.EncodeToString(hash[:]), Signature: in.Metadata["signature"],
	}, s.put(ctx, t, in, content)
}

// keySetting is where the key that signs digests is kept, sealed; it is one for all Regions.
const keySetting = "cloudtrail.digest"

// signer opens the key that signs digests, and makes it where there is none.
func (s *Service) signer(ctx context.Context) (*rsa.PrivateKey, error) {
	s.keyLock.Lock()
	defer s.keyLock.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	var sealed []byte
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		sealed, err = tx.Setting(ctx, keySetting)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		sealed, err = s.newSigner(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key of digests: %w", err)
	}
	der, err := s.Keeper.Decrypt(ctx, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the key of digests: %w", err)
	}
	s.key, err = x509.ParsePKCS1PrivateKey(der)
	return s.key, err
}

func (s *Service) newSigner(ctx context.Context) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	sealed, err := s.Keeper.Encrypt(ctx, x509.MarshalPKCS1PrivateKey(key))
	if err != nil {
		return nil, err
	}
	return sealed, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, keySetting, sealed) })
}

// fingerprint names a public key as digests do.
func fingerprint(key *rsa.PublicKey) string {
	sum := md5.Sum(x509.MarshalPKCS1PublicKey(key)) //nolint:gosec // a name, no protection
	return hex.EncodeToString(sum[:])
}

// ListPublicKeys shows the key whose signatures digests have. It is the same for ever, so every range of time has it.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html
func (s *Service) ListPublicKeys(ctx context.Context, _ *api.Caller, in *cloudtrail.ListPublicKeysInput) (*cloudtrail.ListPublicKeysOutput, error) {
	switch {
	case in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime):
		return nil, api.Errorf("InvalidTimeRangeException", "The start time is after the end time.")
	case aws.ToString(in.NextToken) != "":
		return nil, api.Errorf("InvalidTokenException", "The token is not valid.")
	}
	key, err := s.signer(ctx)
	if err != nil {
		return nil, err
	}
	from, to := time.Unix(0, 0).UTC(), s.Clock.Now().AddDate(1, 0, 0)
	return &cloudtrail.ListPublicKeysOutput{PublicKeyList: []types.PublicKey{{
		Fingerprint: new(fingerprint(&key.PublicKey)), Value: x509.MarshalPKCS1PublicKey(&key.PublicKey), ValidityStartTime: &from, ValidityEndTime: &to,
	}}}, nil
}
