/**
 * A reader of `multipart/byteranges` that shares no code with the writer, and
 * takes nothing that RFC 2046 does not allow.
 */

/** A part: its fields, by lower-case names, and its bytes. */
export interface Part {
  readonly fields: ReadonlyMap<string, string>
  readonly first: number
  readonly last: number
  readonly size: number
  readonly bytes: Buffer
}

/** The parts of a body; throws if it is not well-formed. */
export const parseMultipart = (contentType: string, body: Buffer): ReadonlyArray<Part> => {
  const boundary = /^multipart\/byteranges; ?boundary="?([^";]{1,70})"?$/.exec(contentType)?.[1]
  if (boundary === undefined) throw new Error(`no boundary in ${contentType}`)
  const parts: Array<Part> = []
  let at = body.indexOf(`--${boundary}\r\n`)
  if (at !== 0) throw new Error("the body does not begin with its boundary")
  at += boundary.length + 4
  for (;;) {
    const headEnd = body.indexOf("\r\n\r\n", at)
    if (headEnd < 0) throw new Error("a part without an end of its head")
    const lines = body.toString("latin1", at, headEnd).split("\r\n")
    const fields = new Map(
      lines.map((line) => {
        const colon = line.indexOf(": ")
        if (colon < 1) throw new Error(`no field: ${line}`)
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const
      }),
    )
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(fields.get("content-range") ?? "")
    if (range === null) throw new Error(`no range: ${fields.get("content-range")}`)
    const [first = 0, last = 0, size = 0] = range.slice(1).map(Number)
    const start = headEnd + 4
    const end = start + last - first + 1
    parts.push({ fields, first, last, size, bytes: body.subarray(start, end) })
    const close = `\r\n--${boundary}`
    if (body.toString("latin1", end, end + close.length) !== close) {
      throw new Error("a part is longer or shorter than it says")
    }
    at = end + close.length
    const after = body.toString("latin1", at, at + 2)
    at += 2
    if (after === "\r\n") continue
    if (after !== "--" || body.toString("latin1", at) !== "\r\n") {
      throw new Error("something follows the last boundary")
    }
    return parts
  }
}
