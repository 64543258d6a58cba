/**
 * The frames about further names of a link.
 */
import { assert, it } from "@effect/vitest"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import { headerBytes } from "../../../src/protocol/Frame.ts"
import * as ServiceFrame from "../../../src/protocol/link/ServiceFrame.ts"
import * as PeerFrame from "../../../src/protocol/peer/PeerFrame.ts"
import { isKnown } from "../../../src/protocol/StreamFrame.ts"

const name = "shop" as ServerName

it("have types that neither stream nor relays have", () => {
  for (const kind of Object.values(ServiceFrame.type)) {
    assert.isTrue(ServiceFrame.isServiceFrame(kind))
    assert.isFalse(isKnown(kind) || PeerFrame.isPeerFrame(kind))
  }
})

it("are read as they were written", () => {
  const serve = { name, key: "a \u{1f511} key", responseMillis: 5 }
  const frame = ServiceFrame.serve(serve)
  assert.strictEqual(frame[0], ServiceFrame.type.serve)
  assert.strictEqual(frame.readUInt32BE(8), frame.length - headerBytes)
  assert.deepStrictEqual(ServiceFrame.decodeServe(frame.subarray(headerBytes)), serve)
  const served = { name, isServed: true, url: "https://shop.example/" }
  const payload = ServiceFrame.served(served).subarray(headerBytes)
  assert.deepStrictEqual(ServiceFrame.decodeServed(payload), served)
})

it.each(["", "{}", "null", '{"name":"../x","key":"k"}', '{"name":"shop"}', "\u0000"])(
  "%j is no frame of a server",
  (text) => {
    assert.isUndefined(ServiceFrame.decodeServe(Buffer.from(text)))
  },
)

it("that are too long are not read", () => {
  const frame = ServiceFrame.serve({ name, key: "k".repeat(5_000) })
  assert.isUndefined(ServiceFrame.decodeServe(frame.subarray(headerBytes)))
})
