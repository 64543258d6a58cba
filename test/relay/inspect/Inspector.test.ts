/**
 * The inspector: what it remembers of which requests, and what it does not.
 */
import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { first, type HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Curl from "../../../src/relay/inspect/Curl.ts"
import {
  type Inspection,
  maxInspected,
  Recorder,
  secretMillis,
} from "../../../src/relay/inspect/Inspector.ts"
import {
  BodyCapture,
  type Inspected,
  maxBody,
  Recording,
} from "../../../src/relay/inspect/Recording.ts"
import * as RedactSecrets from "../../../src/relay/inspect/RedactSecrets.ts"
import { maxShown } from "../../../src/relay/inspect/ShownBody.ts"
import type { DerivedConfig } from "../../../src/relay/settings/DerivedConfig.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import * as Harness from "../../support/Harness.ts"

const servers = [{ name: "open", inspect: true }, "shut"]

const onlyRecording = (relay: Harness.TestRelay): Recording => {
  const recordings = relay.inspector.of("open")
  assert.strictEqual(recordings.length, 1)
  return recordings[0] as Recording
}

const only = (relay: Harness.TestRelay): Inspected => onlyRecording(relay).read()

describe("the inspector", () => {
  for (const transport of ["classic", "stream"] as const) {
    it.effect(`shows heads and the beginnings of bodies of both ways, by ${transport}`, () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({ servers })
        const answer = Buffer.alloc(600_000, "answer ")
        yield* Harness.server(
          relay,
          "open",
          Harness.handler(async (call) => {
            await call.read()
            return { status: 203, headers: [["Set-Cookie", "sid=hush; Path=/"]], body: answer }
          }),
          { transport },
        )
        const body = Buffer.alloc(400_000, "request ")
        const visited = yield* Harness.visit(relay, "/servers/open/a?token=hush&b=1", {
          method: "POST",
          headers: [
            ["Authorization", "Bearer hush"],
            ["X-Plain", "seen"],
          ],
          body,
        })
        assert.isTrue(visited.body.equals(answer))
        yield* Harness.until("it is over", () => only(relay).outcome === "whole")
        const seen = only(relay)
        assert.deepInclude(
          { ...seen, response: seen.response?.status, headers: undefined },
          { method: "POST", target: "/a?token=***&b=1", address: "127.0.0.1", response: 203 },
        )
        const value = (of: HeaderList | undefined, name: string) => first(of ?? [], name)
        assert.strictEqual(value(seen.headers, "authorization"), "Bearer ***")
        assert.strictEqual(value(seen.headers, "x-plain"), "seen")
        assert.strictEqual(value(seen.response?.headers, "set-cookie"), "sid=***; Path=/")
        const recording = onlyRecording(relay)
        for (const [shown, sent] of [
          [recording.shownBody(), body],
          [recording.shownResponseBody(), answer],
        ] as const) {
          assert.strictEqual(shown.length, sent.length)
          assert.strictEqual(shown.recorded, maxBody)
          assert.isTrue(sent.subarray(0, maxShown).equals(shown.bytes))
        }
        assert.notInclude(JSON.stringify(seen), "hush")
      }),
    )
  }

  it.effect("remembers so many of each server, and nothing of a server that does not ask", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers })
      yield* Harness.server(relay, "open", Harness.echo)
      yield* Harness.server(relay, "shut", Harness.echo)
      for (let i = 0; i < maxInspected + 3; i++) yield* Harness.get(relay, `/servers/open/${i}`)
      yield* Harness.get(relay, "/servers/shut/")
      const targets = relay.inspector.of("open").map((one) => one.read().target)
      assert.strictEqual(targets.length, maxInspected)
      assert.deepStrictEqual([targets[0], targets.at(-1)], [`/${maxInspected + 2}`, "/3"])
      assert.deepStrictEqual(relay.inspector.of("shut"), [])
      yield* relay.change({ servers: ["open", "shut"] })
      yield* Harness.until("it is off", () => !relay.inspector.isOn())
      assert.deepStrictEqual(relay.inspector.of("open"), [])
    }),
  )

  it.live("says of a request without an answer why, and of one that is left that it was", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers, waitForServer: 0 })
      yield* Harness.get(relay, "/servers/open/")
      assert.deepInclude(only(relay), { outcome: "PTTH_SERVER_OFFLINE", response: undefined })
      const body = new Harness.FedBody()
      yield* Harness.server(
        relay,
        "open",
        Harness.handler(() => ({ body })),
      )
      const visit = yield* Harness.open(relay, "/servers/open/")
      yield* Effect.promise(() => body.untilRead())
      body.feed("a beginning")
      yield* visit.head
      const last = () => relay.inspector.of("open")[0]
      yield* Harness.until("it is seen", () => last()?.responseBody.length === 11)
      assert.strictEqual(last()?.read().outcome, "running")
      yield* visit.leave
      yield* Harness.until("it is noticed", () => last()?.read().outcome === "left")
    }),
  )
})

describe("a recorded request can be sent again", () => {
  const upload = { method: "POST", target: "/", headers: [] }
  const recordingOf = (head = upload) => {
    const parts = { number: 1, at: 0, address: "127.0.0.1", replayOf: undefined }
    return new Recording(parts, head, false, undefined, () => {})
  }
  const sink = { data: () => true, end: () => {}, fail: () => {} }

  it("if its body was read to the end, and not if the visitor broke it off", () => {
    for (const isWhole of [true, false]) {
      const [recording, body] = [recordingOf(), new Harness.FedBody()]
      recording.body.of(body).read(sink)
      body.feed("a beginning")
      assert.strictEqual(recording.replayable, "running")
      if (isWhole) body.end()
      else body.fail()
      recording.over(isWhole ? "whole" : "left", 1)
      assert.strictEqual(recording.replayable, isWhole ? "yes" : "cut")
      assert.strictEqual(recording.originalRequest() !== undefined, isWhole)
    }
  })

  it("not if its body has no length and nobody read it", () => {
    const [recording, body] = [recordingOf(), new Harness.FedBody()]
    recording.body.of(body).discard()
    recording.over("PTTH_SERVER_OFFLINE", 1)
    assert.strictEqual(recording.replayable, "cut")
    assert.isTrue(body.cancelled)
  })

  it("without a body", () => {
    const recording = recordingOf({ ...upload, method: "GET" })
    recording.body.of(Body.empty)
    assert.strictEqual(recording.replayable, "yes")
  })
})

describe("the capture of a body", () => {
  it("takes memory a few times, however small the pieces are, and gives back as much", () => {
    const taken: Array<number> = []
    const capture = new BodyCapture((bytes) => taken.push(bytes))
    const sent = Buffer.alloc(maxBody + 1_000, "a body in pieces ")
    for (const byte of sent) capture.bytes(1, Uint8Array.of(byte))
    assert.strictEqual(capture.length, sent.length)
    assert.isTrue(sent.subarray(0, maxBody).equals(capture.read()))
    assert.isBelow(taken.filter((bytes) => bytes > 0).length, 30)
    const sum = () => taken.reduce((a, b) => a + b, 0)
    assert.strictEqual(sum(), maxBody)
    capture.drop()
    assert.strictEqual(sum(), 0)
    assert.lengthOf(capture.read(), 0)
  })
})

describe("an idle recorder", () => {
  const registered = { config: { servers: [{ name: "open" }] }, servers: new Map([["open", {}]]) }

  /** A recorder whose deadlines pass when `pass` moves the time; `request` makes one request that is over. */
  const idle = () => {
    let now = 1_000
    const waiting = new Map<() => void, number>()
    const deadlines = {
      now: () => now,
      elapsed: () => now,
      set: (millis: number, onPassed: () => void) => {
        waiting.set(onPassed, now + millis)
        return { clear: () => waiting.delete(onPassed), touch: () => {} }
      },
    }
    const recorder = new Recorder(
      () => registered as unknown as DerivedConfig,
      () => now,
      deadlines,
    )
    const inspect = (inspection: Omit<Inspection, "at">) =>
      recorder.inspect("open", { ...inspection, at: now })
    const pass = (millis: number): void => {
      now += millis
      for (const [onPassed, at] of [...waiting])
        if (at <= now) {
          waiting.delete(onPassed)
          onPassed()
        }
    }
    /** In how many milliseconds each deadline passes, the first first. */
    const due = () => [...waiting.values()].map((at) => at - now).sort((one, other) => one - other)
    /** Makes a request; the returned function responds to it. */
    const begin = (): (() => void) => {
      let respond = (): void => {}
      const record = recorder.recording(
        "open",
        "192.0.2.1",
        (_head, _body, reply) => {
          respond = () => reply.respond({ status: 200, headers: [] }, Body.empty, () => {})
          return () => {}
        },
        undefined,
      )
      record({ method: "GET", target: "/?token=hush", headers: [] }, Body.empty, {
        fail: () => {},
        respond: (_head, _body, sent) => sent?.(),
      })
      return respond
    }
    const request = (): void => begin()()
    return { recorder, inspect, pass, due, begin, request }
  }

  const end = 100 * secretMillis

  it("wakes its process when a secret was kept long enough, and then no more", () => {
    const { due, inspect, pass, recorder, request } = idle()
    inspect({ isOn: true, until: 1_000 + end })
    request()
    assert.deepStrictEqual(due(), [secretMillis, end])
    pass(secretMillis - 1)
    assert.strictEqual(recorder.of("open")[0]?.replayable, "yes")
    assert.lengthOf(due(), 2)
    pass(1)
    assert.strictEqual(recorder.of("open")[0]?.replayable, "expired")
    assert.lengthOf(due(), 1)
  })

  it("drops the recordings an hour after the server is inspected no more, and wakes its process once for it", () => {
    const { due, inspect, pass, recorder, request } = idle()
    inspect({ isOn: true, until: 1_000 + end })
    request()
    pass(secretMillis)
    inspect({ isOn: true, until: 1_001 + secretMillis })
    pass(2)
    assert.deepStrictEqual(due()[0], 5 * secretMillis)
    pass(5 * secretMillis - 3)
    assert.lengthOf(recorder.of("open"), 1)
    pass(3)
    assert.lengthOf(recorder.of("open"), 0)
    assert.lengthOf(due(), 1)
  })

  it("looks again soon for a request that still runs when its secret was kept long enough", () => {
    const { begin, due, inspect, pass, recorder } = idle()
    inspect({ isOn: true, until: 1_000 + end })
    const respond = begin()
    pass(secretMillis)
    assert.deepStrictEqual(due()[0], 5_000)
    respond()
    pass(5_000)
    assert.strictEqual(recorder.of("open")[0]?.replayable, "expired")
  })
})

describe("a secret is masked", () => {
  it.each([
    ["Authorization", "Basic dXNlcjpodXNo", "Basic ***"],
    ["authorization", "hush", "***"],
    ["Authorization", "Digest a=hush, b=hush", "Digest ***"],
    ["Proxy-Authorization", "Bearer hush", "Bearer ***"],
    ["Cookie", "a=hush; b=hush=hush; c", "a=***; b=***; c"],
    ["Cookie", "hush", "***"],
    ["Set-Cookie", "a=hush; Path=/; Max-Age=3", "a=***; Path=/; Max-Age=3"],
    ["Set-Cookie", "hush", "***"],
    ["X-ApiKey", "hush", "***"],
    ["X-Api-Key", "hush", "***"],
    ["X-CSRF-Token", "hush", "***"],
    ["X-Amz-Security-Token", "hush", "***"],
    ["Location", "/a?code=hush&b=1", "/a?code=***&b=1"],
    ["Referer", "https://me:hush@a.example/?x=1", "https://a.example/?x=1"],
    ["WWW-Authenticate", 'Basic realm="x"', 'Basic realm="x"'],
    ["Accept", "*/*", "*/*"],
  ])("in the field %s: %s", (name, value, expected) =>
    assert.deepStrictEqual(RedactSecrets.fields([[name, value]]), [[name, expected]]),
  )

  it.each([
    ["application/x-www-form-urlencoded", "user=me&password=hush", "user=me&password=***"],
    [
      "application/json",
      '{"a":1,"api_key" : "hu\\"sh","b":"c"}',
      '{"a":1,"api_key" : "***","b":"c"}',
    ],
    ["application/problem+json", '{"token":12345}', '{"token":"***"}'],
    ["application/json; charset=utf-8", '{"secret":"hus', '{"secret":"***"'],
    ["text/plain;charset=UTF-8", '{"secret":"hush","a":"b"}', '{"secret":"***","a":"b"}'],
    ["text/plain", "a plain sentence: about nothing", "a plain sentence: about nothing"],
  ])("in a body of %s: %s", (type, text, expected) =>
    assert.strictEqual(RedactSecrets.body(text, type), expected),
  )
})

describe("a request as a command", () => {
  const plain = { method: "GET", url: "http://a/", headers: [], body: "" }

  it("has what matters and nothing that curl says by itself", () => {
    assert.strictEqual(
      Curl.command({
        method: "PUT",
        url: "https://a.example/x?y=[1]&z",
        headers: [
          ["Host", "relay"],
          ["X-Forwarded-For", "192.0.2.1"],
          ["Accept-Encoding", "gzip"],
          ["Content-Length", "4"],
          ["Content-Type", "text/plain"],
          ["X-Empty", ""],
        ],
        body: "it's",
      }),
      "curl -g --path-as-is --compressed -X PUT 'https://a.example/x?y=[1]&z' " +
        "-H 'Content-Type: text/plain' -H 'X-Empty;' --data-raw 'it'\\''s'",
    )
    assert.include(Curl.command({ ...plain, method: "HEAD" }), " -I ")
    assert.include(Curl.command({ ...plain, body: undefined }), "--data-binary @FILE")
    assert.notInclude(Curl.command({ ...plain, method: "POST", body: "x" }), "-X")
  })

  const Sent = Schema.Struct({
    values: Schema.Array(Schema.String.check(Schema.isMaxLength(20))).check(Schema.isMaxLength(4)),
    text: Schema.String.check(Schema.isMaxLength(20)),
  })

  /** Without what arguments of a process cannot have. */
  const argument = (text: string): string => text.replaceAll(/[\0\ud800-\udfff]/g, "")

  // Several to a shell, since starting one takes longer than all that it does.
  it.prop(
    "is the same arguments for a shell, whatever is in it",
    [Schema.Array(Sent).check(Schema.isMinLength(10), Schema.isMaxLength(10))],
    ([requests]) => {
      const sent = requests.map(({ text, values }) => ({
        ...plain,
        headers: values.map((one) => ["X", argument(one)] as const),
        body: argument(text),
      }))
      const commands = sent.map((one) => Curl.command(one).replace(/^curl/, "printf '%s\\0'"))
      const out = execFileSync("sh", ["-c", commands.join("\n")]).toString("utf8")
      assert.deepStrictEqual(
        out.split("\0").slice(0, -1),
        sent.flatMap((one) => [...Curl.args(one)]),
      )
    },
    { arbitrary: { runs: 10 } },
  )
})
