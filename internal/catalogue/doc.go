// Package catalogue keeps what recovery points are found and opened by a second time, beside the recovery points: vaults with
// their locks, recovery points, legal holds, keys with their wrapped material, plans, accounts and identities. Whoever has the
// stores of the Regions and the root key needs no database: [Read] gives all of it back, and `strongroom admin rebuild` makes a
// database of it.
//
// The state is cut into documents ([state.CatalogueSections]); triggers note in the database which document a transaction changed.
// A [Mirror] stores the documents that have changed, in the store of their Region or, what belongs to no Region, in that of one
// that is called home. A change of a vault, a recovery point, a hold, a snapshot or a key is answered once its document is stored; other changes
// follow at once. What could not be stored stays noted, and is stored later, also after a crash.
//
// While the database is there it is what counts: [Mirror.Check] holds the stores against it and stores anew what is lost there.
// Versions that it does not know are those of a database that was given up for an older copy. They go when a Region's part is opened
// if their document is known, so that no change of today is overruled by one that was given up, and stay otherwise.
//
// # Objects
//
// All lie below catalogue/ in a Region's store:
//
//	catalogue/data.key                 JSON: format (1), state (the id of the state), wrapped (by the root key: a data key of 32
//	                                bytes and "strongroom catalogue data key of " with the id of the state)
//	catalogue/SECTION/NAME.SEQ      a document, sealed; the one with the highest SEQ that opens counts
//
// NAME is the first 16 bytes of HMAC-SHA-256 of SECTION, a zero byte and the document's key, in hexadecimal digits; SEQ is 16
// hexadecimal digits. HKDF-SHA-256 makes the keys of the data key: that of names with the info "strongroom catalogue 1 names", that
// of a document with a random salt of 16 bytes and the info "strongroom catalogue 1 document" || 0 || the object's name below
// catalogue/. A document is
//
//	"SRCD" version(1)=1 zero(3) salt(16) AES-256-GCM(nonce 0, associated data: the 24 bytes before)
//
// of JSON: section, key, region, seq and the rows by table. Each document has a key of its own, so that the nonce is never used
// twice, and opens under no other name.
package catalogue
