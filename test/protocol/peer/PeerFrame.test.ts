/**
 * The frames between relays: the codec accepts exactly what the schemas accept.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { headerBytes } from "../../../src/protocol/Frame.ts"
import * as PeerFrame from "../../../src/protocol/peer/PeerFrame.ts"
import { sizeOfLink } from "../../../src/protocol/peer/PeerFrame.ts"
import { isKnown } from "../../../src/protocol/StreamFrame.ts"
import { Edits, mutate } from "../Mutation.ts"

const decode = (bytes: Buffer) =>
  PeerFrame.decode(bytes[0] as number, bytes.readUInt32BE(4), bytes.subarray(headerBytes))

const comparable = (frame: PeerFrame.PeerFrame) =>
  frame._tag === "Control" || frame._tag === "Failure"
    ? { ...frame, bytes: [...frame.bytes] }
    : frame

describe("frames between relays", () => {
  it("have types that stream does not have", () => {
    const types = Object.values(PeerFrame.type)
    assert.deepStrictEqual(types.filter(PeerFrame.isPeerFrame), types)
    assert.deepStrictEqual(types.filter(isKnown), [])
  })

  it.prop(
    "that the schema accepts are read back",
    [PeerFrame.PeerFrame],
    ([frame]) => {
      const bytes = PeerFrame.encode(frame)
      assert.strictEqual(bytes.readUInt32BE(8), bytes.length - headerBytes)
      assert.isTrue(PeerFrame.isPeerFrame(bytes[0] as number))
      assert.deepStrictEqual(comparable(Result.getOrThrow(decode(bytes))), comparable(frame))
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "with an arbitrary payload are decoded only if the schema accepts them",
    [Schema.Natural, Schema.Natural, Schema.Uint8Array],
    ([kind, stream, payload]) => {
      const frame = PeerFrame.decode(13 + (kind % 7), stream % 3, Buffer.from(payload))
      if (Result.isSuccess(frame)) assert.isTrue(Schema.is(PeerFrame.PeerFrame)(frame.success))
      else assert.strictEqual(frame.failure._tag, "WireError")
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop(
    "from changed bytes are ones that the schema accepts, and nothing is thrown",
    [PeerFrame.PeerFrame, Edits],
    ([frame, edits]) => {
      const bytes = mutate(PeerFrame.encode(frame), edits)
      if (bytes.length < headerBytes) return
      const read = decode(bytes)
      if (Result.isSuccess(read)) assert.isTrue(Schema.is(PeerFrame.PeerFrame)(read.success))
    },
    { arbitrary: { runs: 500 } },
  )

  it.prop("know how large a link is", [PeerFrame.Presence], ([{ joined }]) => {
    const empty = { sequence: 0, isFirst: false, isComplete: false, joined: [], left: [] }
    const size = joined.reduce((sum, link) => sum + sizeOfLink(link), 0)
    const bytes = PeerFrame.presence({ ...empty, joined })
    assert.strictEqual(bytes.length - PeerFrame.presence(empty).length, size)
  })
})
