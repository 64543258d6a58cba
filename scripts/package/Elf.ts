/**
 * Removes the symbols and debugging information of a Linux program (ELF, 64
 * bits, little-endian), as `strip` does, for any processor and without the
 * tools for it: the sections that are not loaded stand at the end of the file.
 */

// The layout of headers: ELF-64 Object File Format, Version 1.5, figures 2 and 5.
const header = { sections: 0x28, sectionSize: 0x3a, sectionCount: 0x3c, nameSection: 0x3e }
const section = { name: 0x00, type: 0x04, flags: 0x08, offset: 0x18, size: 0x20 }
const noBits = 8
const isLoaded = 2n

interface Section {
  readonly bytes: Buffer
  readonly name: string
  readonly end: number
  readonly loaded: boolean
}

const sectionsOf = (program: Buffer): ReadonlyArray<Section> => {
  const at = Number(program.readBigUInt64LE(header.sections))
  const size = program.readUInt16LE(header.sectionSize)
  const heads = Array.from({ length: program.readUInt16LE(header.sectionCount) }, (_, i) =>
    program.subarray(at + i * size, at + (i + 1) * size),
  )
  const offsetOf = (head: Buffer): number => Number(head.readBigUInt64LE(section.offset))
  const names = offsetOf(heads[program.readUInt16LE(header.nameSection)] as Buffer)
  return heads.map((head) => {
    const name = names + head.readUInt32LE(section.name)
    const length =
      head.readUInt32LE(section.type) === noBits ? 0 : Number(head.readBigUInt64LE(section.size))
    return {
      bytes: head,
      name: program.toString("latin1", name, program.indexOf(0, name)),
      end: offsetOf(head) + length,
      loaded: (head.readBigUInt64LE(section.flags) & isLoaded) !== 0n,
    }
  })
}

/** The program with the sections that are loaded, and no others. */
export const strip = (program: Buffer): Buffer => {
  if (program.readUInt32BE(0) !== 0x7f454c46) throw new Error("not an ELF program")
  const sections = sectionsOf(program)
  // The first one is empty and stays, because sections are referred to by their number.
  const count = sections.findLastIndex(({ loaded }) => loaded) + 1
  const kept = sections.slice(0, count)
  if (kept.slice(1).some(({ loaded }) => !loaded))
    throw new Error("a section that is not loaded stands before one that is")
  const end = Math.max(...kept.map(({ end }) => end))
  const names = Buffer.from(
    ["", ...kept.slice(1).map(({ name }) => name), ".shstrtab", ""].join("\0"),
  )
  const heads = kept.map(({ bytes, name }, i) => {
    const head = Buffer.from(bytes)
    if (i > 0) head.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, section.name)
    return head
  })
  const namesHead = Buffer.from(sections[program.readUInt16LE(header.nameSection)]?.bytes ?? [])
  namesHead.writeUInt32LE(names.indexOf("\0.shstrtab\0") + 1, section.name)
  namesHead.writeBigUInt64LE(BigInt(end), section.offset)
  namesHead.writeBigUInt64LE(BigInt(names.length), section.size)
  const padding = Buffer.alloc(-(end + names.length) & 7)
  const stripped = Buffer.concat([program.subarray(0, end), names, padding, ...heads, namesHead])
  stripped.writeBigUInt64LE(BigInt(end + names.length + padding.length), header.sections)
  stripped.writeUInt16LE(count + 1, header.sectionCount)
  stripped.writeUInt16LE(count, header.nameSection)
  return stripped
}
