/**
 * The limit of connections: that it leaves handles for other things, and what
 * is logged of connections that are refused.
 */
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as ConnectionLimit from "../../../src/transport/net/ConnectionLimit.ts"

const limits = (files: string) =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             63432                63432                processes
Max open files            ${files.padEnd(21)}${files.padEnd(21)}files
Max locked memory         8388608              8388608              bytes
`

describe("the limit of connections", () => {
  it("leaves an eighth of the handles for other things, and no more than 64", () => {
    assert.strictEqual(ConnectionLimit.mostConnections({ limit: 64, open: 24 }), 32)
    assert.strictEqual(ConnectionLimit.mostConnections({ limit: 65_536, open: 24 }), 65_448)
    assert.strictEqual(ConnectionLimit.mostConnections({ limit: 16, open: 24 }), 1)
  })

  it("is read as the kernel writes it", () => {
    assert.strictEqual(ConnectionLimit.limitIn(limits("1024")), 1024)
    assert.strictEqual(ConnectionLimit.limitIn(limits("unlimited")), undefined)
    assert.strictEqual(ConnectionLimit.limitIn(""), undefined)
  })

  it.effect("is logged once when it is reached, then with counts, and when it is over", () => {
    const messages: Array<string> = []
    const logger = Logger.make(({ message }) => {
      messages.push(String(message))
    })
    return Effect.gen(function* () {
      const server = new net.Server()
      yield* ConnectionLimit.install(server, { limit: 100, open: 20 })
      assert.strictEqual(server.maxConnections, 67)
      const drop = (times: number) => {
        for (let i = 0; i < times; i++) server.emit("drop")
        return TestClock.adjust(0)
      }
      yield* drop(1)
      yield* drop(3)
      assert.lengthOf(messages, 1)
      assert.match(
        messages[0] ?? "",
        /^PTTH_NO_FILE_HANDLES: connections are refused: 67 are open, and this process may open 100 /,
      )
      yield* TestClock.adjust(ConnectionLimit.reminderMillis)
      assert.deepStrictEqual(messages.slice(1), [
        "PTTH_NO_FILE_HANDLES: 3 connections were refused in a minute",
      ])
      yield* TestClock.adjust(ConnectionLimit.reminderMillis)
      assert.deepStrictEqual(messages.slice(2), [
        "connections are accepted again; refused in all: 4",
      ])
      yield* drop(1)
      assert.lengthOf(messages, 4)
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  })
})
