/**
 * Signs a macOS program (Mach-O, 64 bits) ad hoc, without a certificate: macOS
 * on ARM runs no program whose pages do not match the hashes in its signature.
 * The signature is the one that linkers make: a CodeDirectory of version 2.4 by
 * itself (Apple's xnu, osfmk/kern/cs_blobs.h).
 */
import { createHash } from "node:crypto"

// Apple's cctools, include/mach-o/loader.h.
const magic64 = 0xfeedfacf
const executableType = 2
const headerLength = 32
const segmentCommand = 0x19
const signatureCommand = 0x1d

const pageBits = 12
const pageSize = 1 << pageBits
const hashLength = 32
const directoryLength = 88
const adHoc = 0x2
const linkerSigned = 0x20000
const sha256 = 2
const isMainProgram = 1n

interface Command {
  readonly id: number
  readonly at: number
}

const commandsOf = (program: Buffer): ReadonlyArray<Command> => {
  const commands: Array<Command> = []
  let at = headerLength
  for (let i = 0; i < program.readUInt32LE(16); i++) {
    commands.push({ id: program.readUInt32LE(at), at })
    at += program.readUInt32LE(at + 4)
  }
  return commands
}

const segmentOf = (program: Buffer, commands: ReadonlyArray<Command>, name: string): number => {
  const found = commands.find(
    ({ at, id }) =>
      id === segmentCommand &&
      program.toString("latin1", at + 8, at + 24).replace(/\0+$/, "") === name,
  )
  if (found === undefined) throw new Error(`the program has no segment ${name}`)
  return found.at
}

const signatureLength = (codeLength: number, identifier: string): number =>
  12 + 8 + directoryLength + identifier.length + 1 + Math.ceil(codeLength / pageSize) * hashLength

/** The signature's bytes for code whose load commands are final. */
const signatureOf = (code: Buffer, identifier: string, textLength: bigint): Buffer => {
  const pages = Math.ceil(code.length / pageSize)
  const hashes = directoryLength + identifier.length + 1
  const signature = Buffer.alloc(signatureLength(code.length, identifier))
  // The outer blob: one part, the directory, after the 20 bytes of the index.
  signature.writeUInt32BE(0xfade0cc0, 0)
  signature.writeUInt32BE(signature.length, 4)
  signature.writeUInt32BE(1, 8)
  signature.writeUInt32BE(0, 12)
  signature.writeUInt32BE(20, 16)
  const directory = signature.subarray(20)
  directory.writeUInt32BE(0xfade0c02, 0)
  directory.writeUInt32BE(directory.length, 4)
  directory.writeUInt32BE(0x20400, 8)
  directory.writeUInt32BE(adHoc | linkerSigned, 12)
  directory.writeUInt32BE(hashes, 16)
  directory.writeUInt32BE(directoryLength, 20)
  directory.writeUInt32BE(0, 24)
  directory.writeUInt32BE(pages, 28)
  directory.writeUInt32BE(code.length, 32)
  directory.writeUInt8(hashLength, 36)
  directory.writeUInt8(sha256, 37)
  directory.writeUInt8(pageBits, 39)
  directory.writeBigUInt64BE(textLength, 72)
  directory.writeBigUInt64BE(isMainProgram, 80)
  directory.write(identifier, directoryLength, "latin1")
  for (let page = 0; page < pages; page++) {
    const bytes = code.subarray(page * pageSize, (page + 1) * pageSize)
    createHash("sha256")
      .update(bytes)
      .digest()
      .copy(directory, hashes + page * hashLength)
  }
  return signature
}

/** The program with an ad hoc signature in place of the one that it has. */
export const sign = (program: Buffer, identifier: string): Buffer => {
  if (program.readUInt32LE(0) !== magic64 || program.readUInt32LE(12) !== executableType)
    throw new Error("not a program for 64 bits of macOS")
  const commands = commandsOf(program)
  const old = commands.find(({ id }) => id === signatureCommand)
  if (old === undefined) throw new Error("the program has no signature to replace")
  const codeLength = program.readUInt32LE(old.at + 8)
  const code = Buffer.from(program.subarray(0, codeLength))
  const length = signatureLength(codeLength, identifier)
  code.writeUInt32LE(length, old.at + 12)
  const links = segmentOf(code, commands, "__LINKEDIT")
  const start = Number(code.readBigUInt64LE(links + 40))
  const size = codeLength + length - start
  code.writeBigUInt64LE(BigInt(Math.ceil(size / 0x4000) * 0x4000), links + 32)
  code.writeBigUInt64LE(BigInt(size), links + 48)
  const text = code.readBigUInt64LE(segmentOf(code, commands, "__TEXT") + 48)
  return Buffer.concat([code, signatureOf(code, identifier, text)])
}
