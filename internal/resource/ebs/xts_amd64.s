//go:build !purego

#include "textflag.h"

// What follows goes through data in groups of eight blocks of sixteen bytes: a round of AES takes the processor several steps, of which
// it can begin the next before the last has ended, if another block is at hand.

#define LOAD \
	MOVOU 0(BX), X0; \
	MOVOU 16(BX), X1; \
	MOVOU 32(BX), X2; \
	MOVOU 48(BX), X3; \
	MOVOU 64(BX), X4; \
	MOVOU 80(BX), X5; \
	MOVOU 96(BX), X6; \
	MOVOU 112(BX), X7

#define STORE \
	MOVOU X0, 0(BX); \
	MOVOU X1, 16(BX); \
	MOVOU X2, 32(BX); \
	MOVOU X3, 48(BX); \
	MOVOU X4, 64(BX); \
	MOVOU X5, 80(BX); \
	MOVOU X6, 96(BX); \
	MOVOU X7, 112(BX)

// EACH does an instruction with a round key on all eight blocks.
#define EACH(instruction, at) \
	MOVOU at(AX), X8; \
	instruction X8, X0; \
	instruction X8, X1; \
	instruction X8, X2; \
	instruction X8, X3; \
	instruction X8, X4; \
	instruction X8, X5; \
	instruction X8, X6; \
	instruction X8, X7

// ROUNDS does the thirteen rounds between the first key and the last of AES-256.
#define ROUNDS(instruction) \
	EACH(instruction, 16); \
	EACH(instruction, 32); \
	EACH(instruction, 48); \
	EACH(instruction, 64); \
	EACH(instruction, 80); \
	EACH(instruction, 96); \
	EACH(instruction, 112); \
	EACH(instruction, 128); \
	EACH(instruction, 144); \
	EACH(instruction, 160); \
	EACH(instruction, 176); \
	EACH(instruction, 192); \
	EACH(instruction, 208)

// func encryptGroups(keys *roundKeys, data *byte, groups int)
TEXT ·encryptGroups(SB), NOSPLIT, $0-24
	MOVQ keys+0(FP), AX
	MOVQ data+8(FP), BX
	MOVQ groups+16(FP), CX

encryptGroup:
	LOAD
	EACH(PXOR, 0)
	ROUNDS(AESENC)
	EACH(AESENCLAST, 224)
	STORE
	ADDQ $128, BX
	DECQ CX
	JNZ  encryptGroup
	RET

// func decryptGroups(keys *roundKeys, data *byte, groups int)
TEXT ·decryptGroups(SB), NOSPLIT, $0-24
	MOVQ keys+0(FP), AX
	MOVQ data+8(FP), BX
	MOVQ groups+16(FP), CX

decryptGroup:
	LOAD
	EACH(PXOR, 0)
	ROUNDS(AESDEC)
	EACH(AESDECLAST, 224)
	STORE
	ADDQ $128, BX
	DECQ CX
	JNZ  decryptGroup
	RET

// MIX makes a round key of the one two before it, in key, and of a word that the one before it gives: FIPS 197, section 5.2.
#define MIX(key, word) \
	PSHUFD word, X2, X2; \
	MOVO key, X4; \
	PSLLO $4, X4; \
	PXOR X4, key; \
	PSLLO $4, X4; \
	PXOR X4, key; \
	PSLLO $4, X4; \
	PXOR X4, key; \
	PXOR X2, key

#define EVEN(constant, at) \
	AESKEYGENASSIST constant, X3, X2; \
	MIX(X1, $0xff); \
	MOVOU X1, at(BX)

#define ODD(at) \
	AESKEYGENASSIST $0, X1, X2; \
	MIX(X3, $0xaa); \
	MOVOU X3, at(BX)

// func expandKey(key *byte, encrypting *roundKeys)
TEXT ·expandKey(SB), NOSPLIT, $0-16
	MOVQ  key+0(FP), AX
	MOVQ  encrypting+8(FP), BX
	MOVOU 0(AX), X1
	MOVOU 16(AX), X3
	MOVOU X1, 0(BX)
	MOVOU X3, 16(BX)
	EVEN($0x01, 32)
	ODD(48)
	EVEN($0x02, 64)
	ODD(80)
	EVEN($0x04, 96)
	ODD(112)
	EVEN($0x08, 128)
	ODD(144)
	EVEN($0x10, 160)
	ODD(176)
	EVEN($0x20, 192)
	ODD(208)
	EVEN($0x40, 224)
	RET

// func inverseKey(key *[16]byte)
TEXT ·inverseKey(SB), NOSPLIT, $0-8
	MOVQ   key+0(FP), AX
	MOVOU  (AX), X0
	AESIMC X0, X0
	MOVOU  X0, (AX)
	RET
