/**
 * Makes a macOS program (Mach-O, 64 bits) smaller and signs it ad hoc, without a
 * certificate: macOS on ARM runs no program whose pages do not match the hashes
 * in its signature. The signature is the one that linkers make: a CodeDirectory of version 2.4 by
 * itself (Apple's xnu, osfmk/kern/cs_blobs.h).
 */
import { createHash } from "node:crypto"

// Apple's cctools, include/mach-o/loader.h.
const magic64 = 0xfeedfacf
const executableType = 2
const headerLength = 32
const segmentCommand = 0x19
const signatureCommand = 0x1d
const symbolsCommand = 0x2
const dynamicSymbolsCommand = 0xb
const symbolLength = 16
/** Indirect symbols that are none: local or absolute ones. */
const noSymbol = 0xc0000000
const commandLength = 16

/** The size of a page of memory on ARM. */
const vmPage = 0x4000

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

const commandOf = (program: Buffer, wanted: number): number => {
  const at = commandsOf(program).find(({ id }) => id === wanted)?.at
  if (at === undefined) throw new Error(`the program has no load command ${wanted}`)
  return at
}

/**
 * The program without its local symbols, which only debuggers use, as by
 * `strip -x`, and without its signature, which it has to get anew. Symbols, what
 * refers to them and their names stand at the end of the file, in this order.
 */
export const strip = (program: Buffer): Buffer => {
  const symbols = commandOf(program, symbolsCommand)
  const dynamic = commandOf(program, dynamicSymbolsCommand)
  const field = (at: number): number => program.readUInt32LE(at)
  const [start, count, names] = [field(symbols + 8), field(symbols + 12), field(symbols + 16)]
  const [firstLocal, locals] = [field(dynamic + 8), field(dynamic + 12)]
  const [indirect, indirectCount] = [field(dynamic + 56), field(dynamic + 60)]
  if (firstLocal !== 0 || !(start < indirect && indirect < names))
    throw new Error("the program's symbols are in another order")
  const kept = Buffer.from(
    program.subarray(start + locals * symbolLength, start + count * symbolLength),
  )
  const strings: Array<Buffer> = [Buffer.alloc(1)]
  let length = 1
  for (let at = 0; at < kept.length; at += symbolLength) {
    const name = names + kept.readUInt32LE(at)
    const bytes = program.subarray(name, program.indexOf(0, name) + 1)
    kept.writeUInt32LE(length, at)
    strings.push(bytes)
    length += bytes.length
  }
  const references = Buffer.from(program.subarray(indirect, indirect + indirectCount * 4))
  for (let at = 0; at < references.length; at += 4) {
    const symbol = references.readUInt32LE(at)
    if ((symbol & noSymbol) === 0) references.writeUInt32LE(symbol - locals, at)
  }
  const stripped = Buffer.concat([program.subarray(0, start), kept, references, ...strings])
  const set = (at: number, value: number): number => stripped.writeUInt32LE(value, at)
  set(symbols + 12, count - locals)
  set(symbols + 16, start + kept.length + references.length)
  set(symbols + 20, length)
  set(dynamic + 12, 0)
  set(dynamic + 16, 0)
  set(dynamic + 24, field(dynamic + 24) - locals)
  set(dynamic + 56, start + kept.length)
  return stripped
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

/** Where the commands end, and a further one has room. */
const endOf = (program: Buffer): number => headerLength + program.readUInt32LE(20)

/** The code without a signature, with a command for one whose offset and length are still open. */
const unsigned = (program: Buffer): { readonly code: Buffer; readonly command: number } => {
  const old = commandsOf(program).find(({ id }) => id === signatureCommand)
  const end = old === undefined ? program.length : program.readUInt32LE(old.at + 8)
  const bytes = program.subarray(0, end)
  const code = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 15)])
  if (old !== undefined) return { code, command: old.at }
  const command = endOf(program)
  if (program.subarray(command, command + commandLength).some((byte) => byte !== 0))
    throw new Error("the program has no room for a signature")
  code.writeUInt32LE(signatureCommand, command)
  code.writeUInt32LE(commandLength, command + 4)
  code.writeUInt32LE(code.readUInt32LE(16) + 1, 16)
  code.writeUInt32LE(code.readUInt32LE(20) + commandLength, 20)
  return { code, command }
}

/** The program with an ad hoc signature, in place of the one that it may have. */
export const sign = (program: Buffer, identifier: string): Buffer => {
  if (program.readUInt32LE(0) !== magic64 || program.readUInt32LE(12) !== executableType)
    throw new Error("not a program for 64 bits of macOS")
  const { code, command } = unsigned(program)
  const commands = commandsOf(code)
  const length = signatureLength(code.length, identifier)
  code.writeUInt32LE(code.length, command + 8)
  code.writeUInt32LE(length, command + 12)
  const links = segmentOf(code, commands, "__LINKEDIT")
  const start = Number(code.readBigUInt64LE(links + 40))
  const size = code.length + length - start
  code.writeBigUInt64LE(BigInt(Math.ceil(size / vmPage) * vmPage), links + 32)
  code.writeBigUInt64LE(BigInt(size), links + 48)
  const text = code.readBigUInt64LE(segmentOf(code, commands, "__TEXT") + 48)
  return Buffer.concat([code, signatureOf(code, identifier, text)])
}
