/**
 * Sets and removes TXT records by DNS UPDATE (RFC 2136) over TCP, signed with a
 * shared key (RFC 8945). The response's own signature is not checked: it decides
 * nothing but whether the certificate authority is asked to look.
 */
import { createHmac, randomInt } from "node:crypto"
import * as net from "node:net"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { format, type ListenAddress } from "../../domain/ListenAddress.ts"
import { AcmeError } from "./AcmeError.ts"
import type { DnsRecords } from "./Challenger.ts"
import type { TxtRecord } from "./DnsHook.ts"

/** A key for updates. */
export interface UpdateKey {
  readonly name: string
  /** `sha256`, `sha384` or `sha512`. */
  readonly hash: string
  readonly secret: Uint8Array
}

/** Reads a key as `tsig-keygen` prints it; a failure says what is wrong, as the rest of a sentence. */
export const parseKey = (text: string): Result.Result<UpdateKey, string> => {
  const name = /key\s+"?([^"\s{]+)"?\s*\{/.exec(text)?.[1]
  const algorithm = /algorithm\s+"?hmac-([a-z0-9]+)"?\s*;/i.exec(text)?.[1]?.toLowerCase()
  const secret = /secret\s+"?([A-Za-z0-9+/=]+)"?\s*;/.exec(text)?.[1]
  if (name === undefined || algorithm === undefined || secret === undefined)
    return Result.fail("is not a key as `tsig-keygen` prints it")
  return /^sha(?:256|384|512)$/.test(algorithm)
    ? Result.succeed({ name, hash: algorithm, secret: Buffer.from(secret, "base64") })
    : Result.fail(`has the algorithm hmac-${algorithm}; use hmac-sha256`)
}

const types = { txt: 16, soa: 6, tsig: 250 } as const
const classes = { internet: 1, none: 254, any: 255 } as const

const opcodeUpdate = 5 << 11

/** How far the clocks may differ, in seconds. */
const fudge = 300

const ttl = 60

/** How long the server may take, in milliseconds. */
const answerMillis = 10_000

/** How long secondary servers have to follow, in milliseconds. */
const followMillis = 10_000

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const nameOf = (name: string): Buffer => {
  const labels = name
    .toLowerCase()
    .replace(/\.$/, "")
    .split(".")
    .filter((label) => label !== "")
  return Buffer.concat([
    ...labels.map((label) =>
      Buffer.concat([Buffer.of(label.length), Buffer.from(label, "latin1")]),
    ),
    Buffer.of(0),
  ])
}

const header = (id: number, additional: number): Buffer =>
  Buffer.concat([u16(id), u16(opcodeUpdate), u16(1), u16(0), u16(1), u16(additional)])

const bodyOf = (zone: string, { name, value }: TxtRecord, isThere: boolean): Buffer => {
  const text = Buffer.concat([Buffer.of(value.length), Buffer.from(value, "latin1")])
  return Buffer.concat([
    nameOf(zone),
    u16(types.soa),
    u16(classes.internet),
    nameOf(name),
    u16(types.txt),
    u16(isThere ? classes.internet : classes.none),
    u32(isThere ? ttl : 0),
    u16(text.length),
    text,
  ])
}

/** The signed message. */
const messageOf = (key: UpdateKey, id: number, body: Buffer, now: number): Buffer => {
  const seconds = Math.floor(now / 1000)
  const time = Buffer.concat([u16(Math.floor(seconds / 2 ** 32)), u32(seconds % 2 ** 32)])
  const algorithm = nameOf(`hmac-${key.hash}`)
  const start = Buffer.concat([nameOf(key.name), u16(classes.any), u32(0), algorithm])
  const mac = createHmac(key.hash, key.secret)
    .update(Buffer.concat([header(id, 0), body, start, time, u16(fudge), u16(0), u16(0)]))
    .digest()
  const recordData = Buffer.concat([
    algorithm,
    time,
    u16(fudge),
    u16(mac.length),
    mac,
    u16(id),
    u16(0),
    u16(0),
  ])
  return Buffer.concat([
    header(id, 1),
    body,
    nameOf(key.name),
    u16(types.tsig),
    u16(classes.any),
    u32(0),
    u16(recordData.length),
    recordData,
  ])
}

/** What a response says by its code, and why that may be. */
const codes: ReadonlyMap<number, string> = new Map([
  [1, "FORMERR"],
  [2, "SERVFAIL"],
  [4, "NOTIMP"],
  [5, "REFUSED (it does not let this key set this record)"],
  [
    9,
    "NOTAUTH (it does not accept the key of `acme_dns_key_file`, its clock differs, or it has no such zone)",
  ],
  [10, "NOTZONE"],
])

const failure = (detail: string): AcmeError =>
  new AcmeError({ code: "PTTH_ACME_CHALLENGE", detail })

/** Sends a message, and gives the code of the response. */
const exchange = (
  address: ListenAddress,
  id: number,
  message: Buffer,
): Effect.Effect<number, AcmeError> =>
  Effect.callback<number, AcmeError>((resume) => {
    const fail = (reason: string): void =>
      resume(Effect.fail(failure(`the name server ${format(address)}: ${reason}`)))
    const socket = net.connect({ host: address.host, port: address.port })
    let received = Buffer.alloc(0)
    socket.on("connect", () => socket.write(Buffer.concat([u16(message.length), message])))
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      if (received.length < 6) return
      socket.destroy()
      if (received.readUInt16BE(2) !== id) return fail("its response is for another message")
      resume(Effect.succeed(received.readUInt16BE(4) & 0xf))
    })
    socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    socket.on("close", () => fail("the connection broke"))
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: answerMillis,
      orElse: () => Effect.fail(failure(`the name server ${format(address)} does not answer`)),
    }),
  )

/** The zones that may have a name, the smallest first. */
const zonesOf = (name: string): ReadonlyArray<string> => {
  const labels = name.split(".").slice(1)
  return labels.slice(0, -1).map((_label, i) => labels.slice(i).join("."))
}

/** Records of a server that takes updates. */
export const make = (address: ListenAddress, key: UpdateKey): DnsRecords => {
  const update = Effect.fnUntraced(function* (record: TxtRecord, isThere: boolean) {
    let code = 0
    for (const zone of zonesOf(record.name)) {
      const id = randomInt(65_536)
      const now = yield* Clock.currentTimeMillis
      const message = messageOf(key, id, bodyOf(zone, record, isThere), now)
      code = yield* exchange(address, id, message)
      if (code === 0) return
      // It has no such zone; the next larger one may be it.
      if (code !== 9 && code !== 10 && code !== 5) break
    }
    return yield* failure(
      `the name server ${format(address)} refuses the update of ${record.name}: ${codes.get(code) ?? code}`,
    )
  })
  return {
    add: (record) => Effect.andThen(update(record, true), Effect.sleep(followMillis)),
    remove: (record) => update(record, false),
  }
}
