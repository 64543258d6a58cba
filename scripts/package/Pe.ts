/**
 * Takes the signature off a Windows program (PE, 64 bits). What is put into a
 * signed program makes its signature wrong, and whoever checks it then finds a
 * program that was tampered with instead of one without a signature.
 */

// The layout of headers: Microsoft's PE Format, "Optional Header Data Directories".
const headerPointer = 0x3c
const optionalHeader = 24
const magic64 = 0x20b
const checksumAt = 64
const certificates = { at: 112 + 4 * 8, size: 8 }

const optionalOf = (program: Buffer): number => {
  const at = program.readUInt32LE(headerPointer)
  const start = at + optionalHeader
  if (program.readUInt32BE(at) !== 0x50450000 || program.readUInt16LE(start) !== magic64)
    throw new Error("not a program for 64 bits of Windows")
  return start
}

/** Where the signature is in the file, and its length; both are 0 without one. */
export const signatureOf = (
  program: Buffer,
): { readonly start: number; readonly length: number } => {
  const at = optionalOf(program) + certificates.at
  return { start: program.readUInt32LE(at), length: program.readUInt32LE(at + 4) }
}

/** The program without its signature, which stands at the end of the file. */
export const unsign = (program: Buffer): Buffer => {
  const { length, start } = signatureOf(program)
  if (length === 0) return program
  if (start + length !== program.length)
    throw new Error("the signature is not at the end of the program")
  const unsigned = Buffer.from(program.subarray(0, start))
  const optional = optionalOf(unsigned)
  unsigned.fill(0, optional + certificates.at, optional + certificates.at + certificates.size)
  // Windows checks it of drivers only, and 0 says that there is none.
  unsigned.writeUInt32LE(0, optional + checksumAt)
  return unsigned
}
