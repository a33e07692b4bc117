// Package kms is the Key Management Service: symmetric keys with their policies, aliases and grants, and the
// cryptographic operations under them. It follows the KMS API reference,
// https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html.
//
// A key's material is an AES-256 key that lies in the store wrapped by the root key of the process and leaves this
// package in no way: no API returns it and no log shows it. Every ciphertext names its key and the generation of the
// material that sealed it, so that rotation keeps old ciphertext readable; [ciphertext] gives the form.
//
// Keys in use are held in memory with their grants and unwrapped material, because the objects of S3 and the domains
// of the archive ask for data keys by the thousand. Whatever changes a key drops it from there before it returns.
//
// Deletion and automatic rotation follow the service's clock: at the first use after they are due, and by
// [Service.Sweep].
package kms
