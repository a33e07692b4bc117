// Package archive is the vault format: it keeps recovery points, each the content of a bucket or a disk at one time, in
// an object store, compressed, deduplicated and sealed.
//
// It knows nothing of accounts, policies or the AWS API, and holds no key: a [Keyring] wraps and unwraps the one data key
// of each sealing domain.
//
// The layers, from below:
//
//   - A [Store] keeps objects. [Dir] is a folder, [Bucket] any gocloud.dev/blob bucket, [Mem] memory, [Sub] a part. Package s3store
//     has one in S3, which is [Remote]; [NewReadAhead] makes that fast.
//   - A [Vault] is a store with an id, which is bound into every seal.
//   - A [Domain] is a vault and a KMS key. It names blobs by keyed hashes, compresses and seals them and lays them into
//     packs; an index tells where each lies. What a domain has already it does not store again.
//   - A recovery point is a tree of blobs: leaves hold entries, entries name chunks, and one manifest names the root. The leaves
//     of a volume hold extents, which say in what part of which chunk some pages of it lie. A
//     [Writer] makes one, out of an older one and what has changed since; a [Point] reads one.
//   - [Copy] brings a recovery point into another domain. [Vault.Delete] and [Vault.Collect] make room, [Vault.Verify]
//     reads all there is, and [Vault.Repair] mends it out of copies.
//
// The manifest is the commit point. It is stored when all that it reaches is stored, so that a crash leaves a whole
// recovery point or garbage. FORMAT.md specifies every byte, and argues why collections are safe beside writers.
package archive
