// Package kms is the Key Management Service: keys with their policies, aliases and grants, and the cryptographic operations
// under them. It follows the KMS API reference, https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html.
//
// What a key is for follows from its [spec]: symmetric keys encrypt, HMAC keys authenticate, key pairs sign, encrypt, agree
// on secrets or encapsulate them. A key's material lies in the store wrapped by the root key of the process and leaves this
// package in no way: no API returns it and no log shows it. Clients may bring material of their own; it is the only one that
// can go and come back. Every ciphertext of a symmetric key names the key and the generation of the material that sealed
// it, so that rotation keeps old ciphertext readable; [ciphertext] gives the form.
//
// The related keys of a multi-Region key have one id and the same material, and each a policy, aliases, grants and a state
// of its own. One of them is the primary, to which rotation belongs.
//
// Keys in use are held in memory with their grants and unwrapped material, because the objects of S3 and the domains
// of the archive ask for data keys by the thousand. Whatever changes a key drops it from there before it returns.
//
// Deletion, automatic rotation and the expiry of imported material follow the service's clock: at the first use after they
// are due, and by [Service.Sweep].
package kms
