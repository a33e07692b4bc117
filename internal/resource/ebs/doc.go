// Package ebs holds block volumes and their snapshots, and is the EBS kind of protected resource.
//
// A volume is a sparse file of sectors and, beside it, a file of change generations, one number per block of 512 KiB.
// The layers, from the bottom:
//
//   - sectors seals and opens sectors of an encrypted volume with AES-XTS under the volume's own key, which KMS wrapped.
//   - changes remembers in which generation each block was last written. The mark is durable before the write is
//     acknowledged, so that after a crash the set of changed blocks is never too small.
//   - disk reads, writes, trims and freezes. Freezing ends a generation: a [View] shows the volume as it was then, for
//     as long as it is open, while writes go on; a block about to be overwritten is first preserved for the views.
//   - [Engine] knows volumes and snapshots as rows and keeps the files; EC2's API, the EBS direct API and the NBD export
//     are skins over it.
//   - [Kind] lets package work back volumes up and restore them.
//
// A snapshot is a point in an archive domain. It builds on an earlier point of the same volume in the same domain: only
// blocks of later generations are read, and of them the pages that differ are written. EC2's own snapshots lie in a native
// domain per account and Region, AWS Backup's recovery points in the domain of their vault; the row of a snapshot says
// which, so that EC2 opens either.
//
// The life of a snapshot of a volume: CreateSnapshot freezes the volume with a view that outlives a crash, enters the
// row (pending) and returns; a goroutine writes the changed blocks into the archive and completes the row. After a
// restart [Engine.Start] takes up what was pending.
package ebs
