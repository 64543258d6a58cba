/**
 * Heads of the PROXY protocol, version 2.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ProxyHead from "../../../src/transport/tls/ProxyHead.ts"

const ends = { address: "192.0.2.7", port: 51234, localAddress: "198.51.100.1", localPort: 443 }

describe("a head", () => {
  it("has the bytes that the specification gives it", () => {
    assert.strictEqual(
      ProxyHead.write(ends).toString("hex"),
      "0d0a0d0a000d0a515549540a2111000cc0000207c6336401c82201bb",
    )
  })

  for (const address of [
    "192.0.2.7",
    "2001:db8::1",
    "::1",
    "2001:db8:0:1:1:1:1:1",
    "fe80::abcd:0:0:1",
    "1:2:3:4:5:6:7:8",
  ]) {
    it(`says that ${address} has opened the connection`, () => {
      const localAddress = address.includes(":") ? "::" : "127.0.0.1"
      const bytes = ProxyHead.write({ ...ends, address, localAddress })
      const more = Buffer.concat([bytes, Buffer.from("more")])
      assert.deepStrictEqual(ProxyHead.read(more), { address, port: 51234, size: bytes.length })
      for (let length = 0; length < bytes.length; length++)
        assert.strictEqual(ProxyHead.read(bytes.subarray(0, length)), "incomplete")
    })
  }

  it("has the IPv4 address of a socket for both versions, and no zone", () => {
    const mapped = { ...ends, address: "::ffff:192.0.2.7", localAddress: "::ffff:198.51.100.1" }
    assert.deepStrictEqual(ProxyHead.write(mapped), ProxyHead.write(ends))
    const zoned = ProxyHead.write({
      ...ends,
      address: "fe80::1%eth0",
      localAddress: "fe80::2%eth0",
    })
    assert.strictEqual((ProxyHead.read(zoned) as { address: string }).address, "fe80::1")
  })

  it("says nothing of addresses that are not known", () => {
    const bytes = ProxyHead.write({ ...ends, address: "" })
    assert.deepStrictEqual(ProxyHead.read(bytes), { address: "", port: 0, size: 16 })
  })

  it("is invalid if anything of it is not as it has to be", () => {
    const bytes = ProxyHead.write(ends)
    const changed = (at: number, value: number): Buffer => {
      const copy = Buffer.from(bytes)
      copy[at] = value
      return copy
    }
    for (const one of [
      Buffer.from("GET / HTTP/1.1\r\n"),
      changed(0, 0),
      changed(12, 0x11),
      changed(12, 0x22),
      changed(14, 0xff),
      Buffer.concat([bytes.subarray(0, 15), Buffer.from([4, 0, 0, 0, 0])]),
    ])
      assert.strictEqual(ProxyHead.read(one), "invalid")
  })
})
