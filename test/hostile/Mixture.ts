/**
 * Requests in every mixture of what is legal and what is not: a seed gives the
 * bytes, where they are cut on their way, and what they mean. Every one of
 * them carries a second request, the canary, where only a reader who is wrong
 * finds it: inside the body, or behind a request that must end the connection.
 */
import { Seeded } from "../support/Seeded.ts"

/** Whether a proxy that reads anew what it passes on may take this for a good request. */
export type Forgiven = "forgiven" | "fatal"

/** A request as an origin should see it. */
export interface Meant {
  readonly method: string
  /** As the origin sees it. */
  readonly target: string
  readonly body: string
}

/** What one seed gives. */
export interface Mixture {
  readonly seed: number
  readonly bytes: string
  /** Offsets at which the bytes leave in writes of their own. */
  readonly cuts: ReadonlyArray<number>
  /** What is wrong with it, if anything; then no more than its head may reach an origin. */
  readonly fault: string | undefined
  readonly forgiven: Forgiven
  /** Its body is at fault, not its head. */
  readonly inBody: boolean
  readonly meant: Meant
  readonly asksToContinue: boolean
}

/** What the canary's target contains. */
export const canary = "canary"

const canaryRequest = `GET /servers/app/${canary} HTTP/1.1\r\nHost: app.test\r\n\r\n`

interface Draft {
  readonly seeded: Seeded
  method: string
  target: string
  version: string
  readonly fields: Array<string>
  /** The end of each line of the head, the empty one included, where it is not CR LF. */
  readonly ends: Map<number, string>
  framing: "length" | "chunked"
  body: string
  /** The body as it is on the wire. */
  wire: string
}

const paths = [
  "/p",
  "/",
  "//evil.test/p",
  "/@evil.test/p",
  "/:80@evil.test/p",
  "/\\evil.test\\p",
  "/a/../p",
  "/a/./p",
  "/%2e%2e/%2e%2e/p",
  "/%2F%2Fevil.test",
  "/%0d%0aX:%20y",
  "/%00",
  "/p?x=//evil.test/@#".replace("#", "%23"),
  "/p?http://evil.test/",
  "/;p=1/*",
  "/~|^`{}[]<>\"'",
  "/__proto__/constructor",
] as const

const noises = [
  "X-Content-Length: 0",
  "Content_Length: 0",
  "Transfer_Encoding: chunked",
  `X-Next: ${canaryRequest.split("\r\n")[0]}`,
  "Connection: content-length",
  "Connection: transfer-encoding, host",
  "Connection: keep-alive",
  "Keep-Alive: timeout=0",
  "TE: trailers",
  "TE: chunked",
  "X-Empty:",
  "X-Spaces: \t a b \t ",
  "Cookie: a=b",
  "Cookie: c=d",
  "X-HTTP-Method-Override: GET",
  `X-Original-URL: /${canary}`,
  `X-Rewrite-URL: /${canary}`,
  "Upgrade: h2c",
  "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
  "__proto__: x",
  "constructor: x",
  "\x21#$%&'*+.^`|~: x",
  "X-Obs: \xe4\xf6\xfc\xff",
] as const

const chunksOf = (draft: Draft): string => {
  const { body, seeded } = draft
  let wire = ""
  let at = 0
  while (at < body.length) {
    const size = seeded.int(1, Math.max(1, Math.min(body.length - at, 120)))
    const hex = size.toString(16)
    const shown = seeded.chance(0.3) ? hex.toUpperCase() : hex
    const zeros = seeded.chance(0.2) ? "000" : ""
    const extension = seeded.chance(0.3)
      ? seeded.pick([";a", ";a=b", ';a="b"', ";0=0", `;${"e".repeat(100)}`])
      : ""
    wire += `${zeros}${shown}${extension}\r\n${body.slice(at, at + size)}\r\n`
    at += size
  }
  const trailers = seeded.chance(0.3) ? "X-Trailer: t\r\n" : ""
  return `${wire}${seeded.chance(0.2) ? "00" : "0"}\r\n${trailers}\r\n`
}

/** Puts a field where chance has it. */
const add = (draft: Draft, field: string): void => {
  draft.fields.splice(draft.seeded.int(0, draft.fields.length), 0, field)
}

const isFraming = (field: string): boolean => /^(content-length|transfer-encoding):/i.test(field)

const replaceFraming = (draft: Draft, field: string): void => {
  const at = draft.fields.findIndex(isFraming)
  draft.fields[at] = field
}

/** A line of the head: 0 is the request line, the last the empty one. */
const anyLine = (draft: Draft): number => draft.seeded.int(0, draft.fields.length + 1)

/** The body as both a length and chunks can frame it, with the canary where one of them ends. */
const inConflict = (draft: Draft): number => {
  const { seeded } = draft
  if (seeded.chance(0.5)) {
    draft.body = draft.wire = `0\r\n\r\n${canaryRequest}`
    return seeded.pick([draft.wire.length, 0, 5])
  }
  draft.body = canaryRequest
  draft.wire = `${canaryRequest.length.toString(16)}\r\n${canaryRequest}\r\n0\r\n\r\n`
  return seeded.pick([4, draft.wire.length, canaryRequest.length])
}

interface Fault {
  readonly name: string
  readonly forgiven?: Forgiven
  readonly inBody?: boolean
  readonly apply: (draft: Draft) => void
}

const codings = [
  "gzip, chunked",
  "chunked, gzip",
  "chunked, chunked",
  "chunked, identity",
  "identity, chunked",
  "identity",
  "xchunked",
  "chunkedx",
  "chunked;q=1",
  '"chunked"',
  "chunked\x0b",
  "\x0cchunked",
  "ch\tunked",
  "chunked\0",
  ",chunked,",
  "",
] as const

const lengths = [
  "+5",
  "-5",
  "0x5",
  "5 5",
  "5,5",
  "5, 5",
  "5;",
  "5.0",
  "5e1",
  "1_0",
  "",
  "\xb2",
  "99999999999999999999",
] as const

const obscured = [
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  "Transfer-Encoding\x0b: chunked",
  "Transfer\0-Encoding: chunked",
  "Transfer-Encoding\r: chunked",
  " Transfer-Encoding: chunked",
  "Transfer-Encoding chunked",
  "X: y\rTransfer-Encoding: chunked",
  "X: y\nTransfer-Encoding\xa0: chunked",
  "Content-Length : 5",
  "Content-Length\0: 5",
  "\xa0Content-Length: 5",
  ": 5",
  "Content Length: 5",
] as const

const versions = [
  "HTTP/2.0",
  "HTTP/2",
  "HTTP/3.0",
  "HTTP/0.9",
  "HTTP/1.2",
  "HTTP/1.10",
  "HTTP/01.1",
  "HTTP/1,1",
  "HTTP/-1.1",
  "http/1.1",
  "HTTPS/1.1",
  "HTTP /1.1",
  "HTTP/1.1\t",
  "HTTP/1.1 x",
  "",
] as const

const targets = [
  "/servers/app/p#x",
  "/servers/app/p#/../canary",
  "/servers/app/a b",
  "/servers/app/a\tb",
  "/servers/app/a\x0bb",
  "/servers/app/a\0b",
  "/servers/app/a\x7fb",
  "servers/app/p",
  "\\servers\\app\\p",
  "*",
  "ftp://app.test/servers/app/p",
  "http:/servers/app/p",
  "javascript:/servers/app/p",
  "app.test:80",
  "@app.test/servers/app/p",
  "?/servers/app/p",
] as const

const badChunks = [
  "5 \r\nhello\r\n0\r\n\r\n",
  " 5\r\nhello\r\n0\r\n\r\n",
  "5\t\r\nhello\r\n0\r\n\r\n",
  "+5\r\nhello\r\n0\r\n\r\n",
  "-5\r\nhello\r\n0\r\n\r\n",
  "0x5\r\nhello\r\n0\r\n\r\n",
  "5h\r\nhello\r\n0\r\n\r\n",
  "5_\r\nhello\r\n0\r\n\r\n",
  "\r\nhello\r\n0\r\n\r\n",
  ";a=b\r\nhello\r\n0\r\n\r\n",
  "g\r\nhello\r\n0\r\n\r\n",
  "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
  "10000000000000005\r\nhello\r\n0\r\n\r\n",
  "5\nhello\r\n0\r\n\r\n",
  "5\rhello\r\n0\r\n\r\n",
  "5\r\nhello\n0\r\n\r\n",
  "5\r\nhello0\r\n\r\n",
  "5\r\nhelloX\r\n0\r\n\r\n",
  "5;a\nb\r\nhello\r\n0\r\n\r\n",
  "5;a\rb\r\nhello\r\n0\r\n\r\n",
  `5;${"e".repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
  "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
  "5\r\nhello\r\n0\r\nX\r\n\r\n",
  "5\r\nhello\r\n0\r\n : y\r\n\r\n",
  "5\r\nhello\r\n0\r\nX: a\0b\r\n\r\n",
] as const

const faults: ReadonlyArray<Fault> = [
  {
    name: "a length beside chunks",
    apply: (draft) => {
      const length = inConflict(draft)
      draft.fields.splice(draft.fields.findIndex(isFraming), 1)
      add(draft, "Transfer-Encoding: chunked")
      add(draft, `Content-Length: ${length}`)
    },
  },
  {
    name: "two lengths",
    apply: (draft) => {
      const { seeded, wire } = draft
      replaceFraming(draft, `Content-Length: ${wire.length}`)
      const other = seeded.pick([wire.length, 0, 1, wire.length + 7])
      add(draft, `${seeded.pick(["Content-Length", "content-length"])}: ${other}`)
    },
  },
  {
    name: "a length that is no number",
    apply: (draft) => replaceFraming(draft, `Content-Length: ${draft.seeded.pick(lengths)}`),
  },
  {
    name: "a coding that is not chunked",
    apply: (draft) => replaceFraming(draft, `Transfer-Encoding: ${draft.seeded.pick(codings)}`),
  },
  {
    name: "two lines of codings",
    apply: (draft) => {
      replaceFraming(draft, "Transfer-Encoding: chunked")
      add(draft, `Transfer-Encoding: ${draft.seeded.pick(["chunked", "identity", "gzip", "x"])}`)
    },
  },
  {
    name: "a coding on HTTP/1.0",
    apply: (draft) => {
      const length = inConflict(draft)
      draft.version = "HTTP/1.0"
      replaceFraming(draft, "Transfer-Encoding: chunked")
      if (draft.seeded.chance(0.5)) add(draft, "Connection: keep-alive")
      if (draft.seeded.chance(0.5)) add(draft, `Content-Length: ${length}`)
    },
  },
  {
    name: "a framing field that is obscured",
    forgiven: "forgiven",
    apply: (draft) => add(draft, draft.seeded.pick(obscured)),
  },
  {
    name: "a folded line",
    forgiven: "forgiven",
    apply: (draft) => {
      const at = draft.seeded.int(0, draft.fields.length)
      const fold = draft.seeded.pick([" ", "\t"])
      draft.fields.splice(at, 0, `${fold}${draft.seeded.pick(["x", "Content-Length: 5"])}`)
    },
  },
  {
    name: "a line that ends in a bare LF",
    forgiven: "forgiven",
    apply: (draft) => void draft.ends.set(anyLine(draft), "\n"),
  },
  {
    name: "a line that ends in a bare CR",
    forgiven: "forgiven",
    apply: (draft) => void draft.ends.set(anyLine(draft), "\r"),
  },
  {
    name: "a line that ends in CR CR LF",
    forgiven: "forgiven",
    apply: (draft) => void draft.ends.set(anyLine(draft), "\r\r\n"),
  },
  {
    name: "another Host",
    forgiven: "forgiven",
    apply: (draft) =>
      add(
        draft,
        `${draft.seeded.pick(["Host", "host"])}: ${draft.seeded.pick(["app.test", "evil.test", ""])}`,
      ),
  },
  {
    name: "no Host",
    forgiven: "forgiven",
    apply: (draft) => {
      const at = draft.fields.findIndex((field) => /^host:/i.test(field))
      draft.fields.splice(at, 1)
    },
  },
  {
    name: "another version",
    forgiven: "forgiven",
    apply: (draft) => {
      draft.version = draft.seeded.pick(versions)
    },
  },
  {
    name: "a target that is no path",
    forgiven: "forgiven",
    apply: (draft) => {
      draft.target = draft.seeded.pick(targets)
    },
  },
  {
    name: "CONNECT",
    apply: (draft) => {
      draft.method = "CONNECT"
      draft.target = draft.seeded.pick(["app.test:80", "/servers/app/p", "127.0.0.1:22"])
    },
  },
  {
    name: "a control character in a value",
    forgiven: "forgiven",
    apply: (draft) =>
      add(draft, `X: a${draft.seeded.pick(["\0", "\x01", "\x08", "\x1b", "\x7f", "\r"])}b`),
  },
  {
    name: "framing among the trailers",
    forgiven: "forgiven",
    inBody: true,
    apply: (draft) => {
      replaceFraming(draft, "Transfer-Encoding: chunked")
      const field = draft.seeded.pick(["Content-Length: 0", "Transfer-Encoding: chunked"])
      draft.wire = `5\r\nhello\r\n0\r\n${field}\r\n\r\n`
    },
  },
  {
    name: "a chunk that is none",
    forgiven: "forgiven",
    inBody: true,
    apply: (draft) => {
      replaceFraming(draft, "Transfer-Encoding: chunked")
      draft.wire = draft.seeded.pick(badChunks)
    },
  },
]

const cutsOf = (seeded: Seeded, length: number): ReadonlyArray<number> => {
  if (seeded.chance(0.6)) return []
  const cuts = Array.from({ length: seeded.int(1, 4) }, () => seeded.int(1, length - 1))
  return cuts.sort((a, b) => a - b)
}

/**
 * The mixture of a seed.
 *
 * @param behind what follows the request on its connection: `canary` where the connection must be over by then
 */
export const mixture = (seed: number, behind: "canary" | "nothing"): Mixture => {
  const seeded = new Seeded(seed)
  const path = seeded.pick(paths)
  const marked = `${path}${path.includes("?") ? "&" : "?"}seed=${seed}`
  const filler = "x".repeat(seeded.pick([0, 1, 4, 200]))
  const draft: Draft = {
    seeded,
    method: seeded.pick(["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "PROPFIND", "TRACE"]),
    target: `${seeded.chance(0.1) ? "http://app.test" : ""}/servers/app${marked}`,
    version: "HTTP/1.1",
    fields: ["Host: app.test"],
    ends: new Map(),
    framing: seeded.pick(["length", "chunked"]),
    body: filler + canaryRequest + filler,
    wire: "",
  }
  draft.wire = draft.framing === "length" ? draft.body : chunksOf(draft)
  const spell = (name: string): string =>
    seeded.pick([name, name.toLowerCase(), name.toUpperCase()])
  const space = seeded.pick([" ", "", "\t", "  "])
  add(
    draft,
    draft.framing === "length"
      ? `${spell("Content-Length")}:${space}${seeded.chance(0.1) ? "00" : ""}${draft.wire.length}`
      : `${spell("Transfer-Encoding")}:${space}${seeded.pick(["chunked", "Chunked", "CHUNKED"])}`,
  )
  for (let i = seeded.int(0, 3); i > 0; i--) add(draft, seeded.pick(noises))
  const asksToContinue = seeded.chance(0.1)
  if (asksToContinue) add(draft, "Expect: 100-continue")
  const { body, method } = draft
  const fault = seeded.chance(0.7) ? faults[seeded.int(0, faults.length - 1)] : undefined
  fault?.apply(draft)
  const line = `${draft.method} ${draft.target}${draft.version === "" ? "" : " "}${draft.version}`
  const head = [line, ...draft.fields, ""]
    .map((text, at) => text + (draft.ends.get(at) ?? "\r\n"))
    .join("")
  const message = head + draft.wire
  const bytes = message + (fault !== undefined && behind === "canary" ? canaryRequest : "")
  // A request that comes whole and alone may be read by other means than others.
  const alone = fault !== undefined && behind === "canary" && seeded.chance(0.5)
  return {
    seed,
    bytes,
    cuts: alone ? [message.length] : cutsOf(seeded, bytes.length),
    fault: fault?.name,
    forgiven: fault?.forgiven ?? "fatal",
    inBody: fault?.inBody === true,
    meant: { method, target: marked, body },
    asksToContinue,
  }
}
