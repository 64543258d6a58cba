/**
 * A film as WebM (Matroska, RFC 9559; VP8, RFC 6386) that browsers play and
 * seek in: black in its first half, white in its second, one key frame per
 * second and far apart in the file, so that nobody gets at the second half by
 * what was read for the first.
 */

/**
 * Seconds that the film lasts. Browsers load some seconds ahead, and at least
 * some megabytes: half of the film has to be more than either.
 */
export const seconds = 200
/** Bytes of nothing after each second. */
const gap = 96 * 1024

// One key frame of 16 × 16 pixels each, made by Chromium from a canvas.
const black = Buffer.from("3001009d012a1000100007409625a400037000feefb90000", "hex")
const white = Buffer.from("3001009d012a1000100007409625a400037000feef600000", "hex")

const element = (id: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts)
  const head = id.toString(16)
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(content.length) | (1n << 56n))
  return Buffer.concat([Buffer.from(head, "hex"), size, content])
}

const uint = (id: number, value: number): Buffer => {
  const content = Buffer.alloc(4)
  content.writeUInt32BE(value)
  return element(id, content)
}

const text = (id: number, value: string): Buffer => element(id, Buffer.from(value, "latin1"))

const float = (id: number, value: number): Buffer => {
  const content = Buffer.alloc(8)
  content.writeDoubleBE(value)
  return element(id, content)
}

/** The bytes of the film. */
export const make = (): Buffer => {
  const header = element(
    0x1a45dfa3,
    uint(0x4286, 1),
    uint(0x42f7, 1),
    uint(0x42f2, 4),
    uint(0x42f3, 8),
    text(0x4282, "webm"),
    uint(0x4287, 2),
    uint(0x4285, 2),
  )
  // Times are in milliseconds.
  const info = element(
    0x1549a966,
    uint(0x2ad7b1, 1_000_000),
    float(0x4489, seconds * 1000),
    text(0x4d80, "test"),
    text(0x5741, "test"),
  )
  const size = element(0xe0, uint(0xb0, 16), uint(0xba, 16))
  const track = element(
    0xae,
    uint(0xd7, 1),
    uint(0x73c5, 1),
    uint(0x83, 1),
    text(0x86, "V_VP8"),
    size,
  )
  const tracks = element(0x1654ae6b, track)
  const clusters = Array.from({ length: seconds }, (_, second) => {
    const block = Buffer.concat([
      Buffer.from([0x81, 0, 0, 0x80]),
      second < seconds / 2 ? black : white,
    ])
    const cluster = element(0x1f43b675, uint(0xe7, second * 1000), element(0xa3, block))
    return Buffer.concat([cluster, element(0xec, Buffer.alloc(gap))])
  })
  const cuesAt = (start: number): Buffer => {
    let at = start
    const points = clusters.map((cluster, second) => {
      const positions = element(0xb7, uint(0xf7, 1), uint(0xf1, at))
      at += cluster.length
      return element(0xbb, uint(0xb3, second * 1000), positions)
    })
    return element(0x1c53bb6b, ...points)
  }
  const before = info.length + tracks.length
  const cues = cuesAt(before + cuesAt(0).length)
  return Buffer.concat([header, element(0x18538067, info, tracks, cues, ...clusters)])
}
