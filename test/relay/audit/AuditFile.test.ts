/**
 * The audit log in a file: across restarts, crashes and whatever becomes of
 * the file; and what is in it.
 */
import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as AuditLine from "../../../src/relay/audit/AuditLine.ts"
import { maxEntries } from "../../../src/relay/audit/AuditLog.ts"
import * as Harness from "../../support/Harness.ts"
import * as PutClock from "../../support/PutClock.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const kindsIn = (file: string): ReadonlyArray<string> =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .flatMap((line) => AuditLine.fromLine(line)?.event._tag ?? [])
    : []

const kept = (auditLog: string) => Harness.relay({ servers: ["demo"], config: { auditLog } })

const kinds = (relay: Harness.TestRelay) => relay.events().map(({ _tag }) => _tag)

const fileIn = () => path.join(temporaryFolder(), "audit.log")

describe("a line of the audit log", () => {
  it.prop("is the event again when it is read", [Schema.String, Schema.Int], ([text, number]) => {
    const event = { _tag: "AdminLoggedIn", by: text, address: `${number}` } as const
    const line = AuditLine.toLine({ at: 1_700_000_000_123, event })
    assert.strictEqual(line.indexOf("\n"), line.length - 1)
    assert.deepStrictEqual(AuditLine.fromLine(line), { at: 1_700_000_000_123, event })
  })

  it("is nothing wherever it is torn", () => {
    const line = AuditLine.toLine({ at: 0, event: { _tag: "RelayStarted", address: "here" } })
    for (let end = 0; end < line.length - 1; end++)
      assert.isUndefined(AuditLine.fromLine(line.slice(0, end)))
  })

  it.each(["[]", "null", "1", '{"at":"x","kind":"RelayStopping"}', '{"at":0,"kind":"toString"}'])(
    "is nothing if it is no event: %s",
    (line) => assert.isUndefined(AuditLine.fromLine(line)),
  )
})

describe("the audit log in a file", () => {
  it.effect("goes on after a restart, and after a crash that has torn its last line", () =>
    Effect.gen(function* () {
      const file = fileIn()
      const first = yield* kept(file)
      yield* first.stop
      appendFileSync(file, '{"at":"1970-01-01T00:00:00.000Z","kind":"ServerC')
      const second = yield* kept(file)
      assert.deepStrictEqual(kinds(second), ["RelayStarted", "RelayStopping", "RelayStarted"])
      yield* second.stop
      assert.deepStrictEqual(kindsIn(file), [
        "RelayStarted",
        "RelayStopping",
        "RelayStarted",
        "RelayStopping",
      ])
      assert.strictEqual(readFileSync(file, "utf8").split("\n").length, 6)
    }),
  )

  it.effect("brings back no more than memory holds, and the newest", () =>
    Effect.gen(function* () {
      const file = fileIn()
      const line = (i: number) =>
        AuditLine.toLine({ at: i, event: { _tag: "RelayStarted", address: `${i}` } })
      writeFileSync(`${file}.1`, Array.from({ length: 900 }, (_, i) => line(i)).join(""))
      writeFileSync(file, Array.from({ length: 900 }, (_, i) => line(900 + i)).join(""))
      const relay = yield* kept(file)
      const events = relay.events()
      assert.strictEqual(events.length, maxEntries)
      assert.deepStrictEqual(events[0], { _tag: "RelayStarted", address: "801" })
    }),
  )

  it.effect("is begun anew on SIGHUP, and moves and ends with the configuration", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const [one = "", old = "", two = ""] = ["one", "old", "two"].map((n) => path.join(folder, n))
      const relay = yield* kept(one)
      yield* Harness.until("it is written", () => kindsIn(one).length === 1)
      renameSync(one, old)
      process.emit("SIGHUP")
      yield* Harness.turns(20)
      assert.isFalse(existsSync(one))
      yield* relay.change({ config: { auditLog: two } })
      yield* Harness.until("it has moved", () => kindsIn(two).length + kindsIn(one).length === 1)
      yield* relay.change({ config: { auditLog: undefined } })
      yield* Harness.turns(20)
      yield* relay.stop
      assert.deepStrictEqual(kindsIn(old), ["RelayStarted"])
      assert.notInclude([...kindsIn(one), ...kindsIn(two)], "RelayStopping")
    }),
  )

  it.effect("never stops the relay: neither deleted with its folder nor on a full disk", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const file = path.join(folder, "audit.log")
      const relay = yield* kept(file)
      yield* Harness.until("it is written", () => kindsIn(file).length === 1)
      rmSync(folder, { recursive: true })
      yield* Harness.server(relay, "demo", Harness.echo)
      yield* Harness.until("it is said", () =>
        relay.lines.some((line) => line.includes("audit log cannot be written")),
      )
      const answer = yield* Harness.get(relay, "/servers/demo/")
      assert.strictEqual(answer.status, 200)
      const full = yield* kept("/dev/full")
      assert.strictEqual((yield* Harness.get(full, "/healthz")).status, 200)
      yield* full.stop
    }),
  )
})

describe("the audit log has", () => {
  it.effect("what visitors asked of each server within a minute, and what is left at the end", () =>
    Effect.gen(function* () {
      const file = fileIn()
      const relay = yield* kept(file)
      yield* Harness.server(relay, "demo", Harness.echo)
      for (let i = 0; i < 3; i++) yield* Harness.visit(relay, "/servers/demo/", { body: "12345" })
      yield* Harness.get(relay, "/healthz")
      yield* TestClock.adjust("1 minute")
      yield* TestClock.adjust("1 minute")
      const visits = () => relay.events().filter(({ _tag }) => _tag === "VisitorRequests")
      const expected = { _tag: "VisitorRequests" as const, name: "demo", failed: 0 }
      assert.deepStrictEqual(visits(), [{ ...expected, requests: 3, bytesIn: 15, bytesOut: 15 }])
      yield* Harness.get(relay, "/servers/demo/")
      yield* relay.stop
      assert.deepStrictEqual(visits()[1], { ...expected, requests: 1, bytesIn: 0, bytesOut: 0 })
      assert.strictEqual(kindsIn(file).filter((kind) => kind === "VisitorRequests").length, 2)
    }),
  )

  it.effect("scraper keys: one that is used once an hour, of refused ones ten a minute", () =>
    Effect.gen(function* () {
      const { clock, put } = yield* PutClock.make
      const relay = yield* Harness.relay({
        config: {
          enableScraperApi: true,
          scraperKeys: [
            { name: "nightly", notBefore: 0, notAfter: 86_400_000, hash: tripcodeOfText("key") },
          ],
        },
      }).pipe(Effect.provideService(Clock.Clock, clock))
      const ask = (key: string) => Harness.get(relay, "/scraper/v1/test", [["X-ApiKey", key]])
      for (let i = 0; i < 15; i++) {
        yield* ask("key")
        yield* ask("guess")
      }
      const told = relay.events().filter(({ _tag }) => _tag.startsWith("Scraper"))
      assert.strictEqual(told.length, 11)
      assert.deepStrictEqual(told.slice(0, 2), [
        { _tag: "ScraperKeyUsed", key: "nightly", address: "127.0.0.1" },
        { _tag: "ScraperKeyRefused", reason: "unknown key", address: "127.0.0.1" },
      ])
      yield* TestClock.adjust("1 hour")
      yield* ask("key")
      const uses = () => relay.events().filter(({ _tag }) => _tag === "ScraperKeyUsed").length
      assert.strictEqual(uses(), 2)
      put(-30 * 60_000)
      yield* ask("key")
      assert.strictEqual(uses(), 3)
    }),
  )

  it.effect("a process of a server whose place another one has taken", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"] })
      const first = yield* Harness.server(relay, "demo", Harness.echo, { transport: "stream" })
      yield* Harness.server(relay, "demo", Harness.echo, { transport: "stream" })
      yield* first.stop
      yield* Harness.until("it is gone", () => kinds(relay).includes("ServerReplaced"))
      const told = kinds(relay).filter((kind) => kind.startsWith("Server"))
      assert.deepStrictEqual(told, ["ServerConnected", "ServerConnected", "ServerReplaced"])
      const processes = relay
        .events()
        .flatMap((event) => (event._tag === "ServerConnected" ? [event.processes] : []))
      assert.deepStrictEqual(processes, [undefined, 2])
    }),
  )
})
