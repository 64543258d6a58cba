/**
 * Updates of the DNS, as a name server reads them.
 */
import { createHmac } from "node:crypto"
import { once } from "node:events"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import * as DnsUpdate from "../../../src/transport/acme/DnsUpdate.ts"
import * as Harness from "../../support/Harness.ts"

const keyText = `key "relay-key" {
	algorithm hmac-sha256;
	secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
};
`
const key = Result.getOrThrow(DnsUpdate.parseKey(keyText))

/** The labels of a name, and where it ends. */
const readName = (bytes: Buffer, at: number): readonly [name: string, end: number] => {
  const labels: Array<string> = []
  let i = at
  for (let length = bytes[i] as number; length > 0; length = bytes[i] as number) {
    labels.push(bytes.toString("latin1", i + 1, i + 1 + length))
    i += 1 + length
  }
  return [labels.join("."), i + 1]
}

/** A name server that has one zone, and answers NOTAUTH for others. */
const nameServer = (zone: string) =>
  Effect.gen(function* () {
    const updates: Array<{ readonly name: string; readonly class: number; readonly text: string }> =
      []
    const server = net
      .createServer((socket) => {
        socket.on("error", () => {})
        socket.on("data", (chunk: Buffer) => {
          const message = chunk.subarray(2)
          const [asked, zoneEnd] = readName(message, 12)
          const [name, nameEnd] = readName(message, zoneEnd + 4)
          const textAt = nameEnd + 10
          const length = message[textAt] as number
          const text = message.toString("latin1", textAt + 1, textAt + 1 + length)
          const signedEnd = textAt + 1 + length
          const [keyName, keyEnd] = readName(message, signedEnd)
          const [, algorithmEnd] = readName(message, keyEnd + 10)
          const macLength = message.readUInt16BE(algorithmEnd + 8)
          const mac = message.subarray(algorithmEnd + 10, algorithmEnd + 10 + macLength)
          const unsigned = Buffer.from(message.subarray(0, signedEnd))
          unsigned.writeUInt16BE(0, 10)
          const variables = Buffer.concat([
            message.subarray(signedEnd, keyEnd),
            Buffer.from("00ff00000000", "hex"),
            message.subarray(keyEnd + 10, algorithmEnd),
            message.subarray(algorithmEnd, algorithmEnd + 8),
            Buffer.alloc(4),
          ])
          const expected = createHmac("sha256", key.secret)
            .update(Buffer.concat([unsigned, variables]))
            .digest()
          const isSigned = keyName === "relay-key" && mac.equals(expected)
          const code = !isSigned || asked !== zone ? 9 : 0
          if (code === 0) updates.push({ name, class: message.readUInt16BE(nameEnd + 2), text })
          const answer = Buffer.concat([Buffer.from([0, 12]), message.subarray(0, 12)])
          answer.writeUInt16BE(0xa800 | code, 4)
          socket.write(answer)
        })
      })
      .listen(0, "127.0.0.1")
    yield* Effect.promise(() => once(server, "listening"))
    yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
    const { port } = server.address() as net.AddressInfo
    return { updates, address: { host: "127.0.0.1", port } }
  })

const record = { name: "_acme-challenge.relay.example.com", value: "proof" }

describe("an update of the DNS", () => {
  it.effect("sets and removes a record in the zone that has it, signed", () =>
    Effect.gen(function* () {
      const { address, updates } = yield* nameServer("example.com")
      const dns = DnsUpdate.make(address, key)
      let isSet = false
      yield* Effect.forkScoped(
        Effect.andThen(
          dns.add(record),
          Effect.sync(() => {
            isSet = true
          }),
        ),
      )
      yield* Harness.until("it is set", () => updates.length === 1)
      assert.isFalse(isSet)
      yield* Harness.turns(50)
      yield* TestClock.adjust("10 seconds")
      yield* Harness.until("secondary servers had time to follow", () => isSet)
      yield* dns.remove(record)
      assert.deepStrictEqual(updates, [
        { name: record.name, class: 1, text: "proof" },
        { name: record.name, class: 254, text: "proof" },
      ])
    }).pipe(Effect.scoped),
  )

  it.effect("fails with what the server says", () =>
    Effect.gen(function* () {
      const { address } = yield* nameServer("example.net")
      const error = yield* Effect.flip(DnsUpdate.make(address, key).add(record))
      assert.strictEqual(error.code, "PTTH_ACME_CHALLENGE")
      assert.include(error.detail, "NOTAUTH (it does not accept the key of `acme_dns_key_file`")
    }).pipe(Effect.scoped),
  )
})

describe("a key for updates", () => {
  it("is one as `tsig-keygen` prints it", () => {
    assert.deepInclude(key, { name: "relay-key", hash: "sha256" })
    assert.strictEqual(
      Result.getOrThrow(Result.flip(DnsUpdate.parseKey(keyText.replace("sha256", "md5")))),
      "has the algorithm hmac-md5; use hmac-sha256",
    )
    assert.isTrue(Result.isFailure(DnsUpdate.parseKey("relay-key MDEy")))
  })
})
