/**
 * Keys: compared in constant time, never ambiguous, not to be guessed, gone
 * when they are revoked, and nowhere to be read.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import { answerOf, ClassicPeer } from "../support/ClassicPeer.ts"
import { fixedPort } from "../support/FixedPort.ts"
import * as Harness from "../support/Harness.ts"
import { type Address, RawHttp, type RawResponse } from "../support/RawHttp.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { type Program, program, relayProgram, relayToml, unseen } from "./Process.ts"
import { StreamPeer } from "./StreamPeer.ts"

const host = ["Host", "relay.test"] as const

const send = async (to: Address, line: string, fields: HeaderList): Promise<RawResponse> => {
  const connection = await RawHttp.connect(to)
  await connection.send(line, [host, ...fields])
  const answer = await connection.readResponse()
  connection.socket.destroy()
  return answer
}

const upgrade: HeaderList = [
  ["Connection", "Upgrade"],
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ["Sec-WebSocket-Version", "13"],
]

describe("keys", () => {
  it("are compared by timingSafeEqual of hashes, and nowhere by ===", () => {
    const root = fileURLToPath(new URL("../../src/", import.meta.url))
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    )
    const source = (name: string): string => readFileSync(join(root, name), "utf8")
    const comparing = files.filter((name) => source(name).includes("timingSafeEqual(")).sort()
    assert.includeMembers(comparing, [
      join("domain", "ApiKey.ts"),
      join("relay", "links", "KeyCheck.ts"),
      join("transport", "auth", "LoginChecker.ts"),
    ])
    const secret =
      /\b(?:api_?key|password|secret|adminToken)\b\S* [!=]== (?!undefined\b|""|null\b|true\b)/i
    for (const name of files) {
      const lines = source(name)
        .split("\n")
        .filter((line) => secret.test(line) && !/typeof/.test(line))
      assert.deepStrictEqual(lines, [], name)
    }
  })

  it.effect("that are shown twice, to another name, or nearly right are refused everywhere", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["a", "b"] })
      yield* Harness.promised(async () => {
        const right = Harness.keyOf("a")
        const wrong: ReadonlyArray<readonly [what: string, fields: HeaderList]> = [
          [
            "twice the right one",
            [
              ["X-ApiKey", right],
              ["X-ApiKey", right],
            ],
          ],
          [
            "a wrong one first",
            [
              ["X-ApiKey", "no"],
              ["x-apikey", right],
            ],
          ],
          [
            "a wrong one last",
            [
              ["X-ApiKey", right],
              ["X-APIKEY", "no"],
            ],
          ],
          ["another server's", [["X-ApiKey", Harness.keyOf("b")]]],
          ["its tripcode", [["X-ApiKey", tripcodeOfText(right)]]],
          ["a list with it", [["X-ApiKey", `${right}, ${right}`]]],
          ["one letter more", [["X-ApiKey", `${right}x`]]],
          ["one letter less", [["X-ApiKey", right.slice(0, -1)]]],
          ["an empty one", [["X-ApiKey", ""]]],
          ["60,000 letters", [["X-ApiKey", "k".repeat(60_000)]]],
        ]
        const peer = new ClassicPeer(relay, "a")
        const visitor = await RawHttp.connect(relay)
        await visitor.send("GET /servers/a/x HTTP/1.1", [host])
        const id = await peer.listen()
        for (const [what, fields] of wrong) {
          const listen = await send(relay, "GET /7ZSFUKGV/http_listen/a HTTP/1.1", fields)
          assert.strictEqual(listen.status, 401, what)
          const stream = await send(relay, "GET /7ZSFUKGV/stream/a HTTP/1.1", [
            ...upgrade,
            ...fields,
          ])
          assert.strictEqual(stream.status, 401, what)
          const fetched = await send(relay, `GET /7ZSFUKGV/http_request/${id} HTTP/1.1`, fields)
          assert.strictEqual(fetched.status, 403, what)
          const posted = await send(relay, `POST /7ZSFUKGV/http_response/${id} HTTP/1.1`, [
            ["Content-Length", "0"],
            ...fields,
          ])
          assert.strictEqual(posted.status, 403, what)
        }
        await peer.respond(id, answerOf(200, [], "right"))
        assert.strictEqual((await visitor.readResponse()).text, "right")
      })
    }),
  )

  it.effect(
    "cannot be guessed: after ten of an address wrong ones get 429, and right ones are accepted",
    () =>
      Effect.gen(function* () {
        const relay = yield* Harness.relay({
          servers: ["a", "b"],
          config: { trustedProxies: [IpNetwork.fromStringUnsafe("127.0.0.1/32")] },
        })
        yield* Harness.promised(async () => {
          let instances = 0
          const knock = async (from: string, name: string, key: string, kind = "classic") => {
            const answer = await send(
              relay,
              `GET /7ZSFUKGV/${kind === "classic" ? "http_listen" : "stream"}/${name} HTTP/1.1`,
              [
                ["X-Forwarded-For", from],
                ["X-ApiKey", key],
                ["X-PTTH-Version", "2"],
                ["X-PTTH-Instance", `process ${instances++}`],
                ...(kind === "classic" ? [] : upgrade),
              ],
            )
            return answer.status
          }
          const evil = "203.0.113.9"
          assert.strictEqual(await knock(evil, "a", Harness.keyOf("a")), 204)
          for (let n = 0; n < 11; n++) assert.strictEqual(await knock(evil, "b", `guess ${n}`), 401)
          for (const kind of ["classic", "stream"]) {
            assert.strictEqual(await knock(evil, "b", "another guess", kind), 429)
            assert.strictEqual(
              await knock(evil, "b", Harness.keyOf("b")),
              204,
              "a right one that was never seen before, from the same address",
            )
          }
          assert.strictEqual(await knock("203.0.113.10", "b", Harness.keyOf("b")), 204)
          assert.strictEqual(await knock(evil, "a", Harness.keyOf("a")), 204, "it was there before")
          for (let n = 0; n < 200; n++) {
            await knock(`2001:db8:0:${n.toString(16)}::1`, "b", `guess ${n}`)
          }
          assert.strictEqual(await knock("2001:db8:ffff::1", "b", Harness.keyOf("b")), 204)
          assert.strictEqual(await knock("2001:db8:0:ffff::1", "b", Harness.keyOf("b")), 204)
          const limits = relay
            .events()
            .filter((event) => event._tag === "RefusalsLimited" && event.address === evil)
          assert.strictEqual(limits.length, 1)
          assert.isTrue(relay.lines.some((line) => /refus/i.test(line)))
        })
      }),
  )

  it.live("that are taken from the file end the connections of their servers", () =>
    Effect.gen(function* () {
      yield* Harness.promised(async () => {
        const relay = await relayProgram(relayToml(["a", "b"]))
        const a = await StreamPeer.connect(relay, "a")
        const b = await StreamPeer.connect(relay, "b")
        const listening = await RawHttp.connect(relay)
        await listening.write(new ClassicPeer(relay, "a", { dialect: 1 }).listenBytes())
        const waiting = listening.readResponse()
        writeFileSync(join(relay.folder, "ptth_relay.toml"), relayToml(["b"]))
        await a.until("a's link ends", () => a.isClosed)
        assert.strictEqual((await waiting).status, 401)
        assert.isFalse(b.isClosed)
      })
    }),
  )

  it.live.skipIf(unseen !== undefined)(
    "are nowhere to be read: not in logs, pages, metrics, errors or arguments",
    () =>
      Effect.promise(async () => {
        const canaries = [
          "CanaryOfTheServerThatIsKnownAndServes",
          "CanaryOfTheServerThatNobodyKnowsYet",
        ] as const
        const adminPort = await fixedPort()
        const relay = await relayProgram(
          [
            'listen = "127.0.0.1:0"',
            `admin_listen = "127.0.0.1:${adminPort}"`,
            "[[servers]]",
            'name = "known"',
            `tripcode = "${tripcodeOfText(canaries[0])}"`,
          ].join("\n"),
          { logLevel: "trace" },
        )
        const programs: Array<Program> = [relay]
        for (const [n, name] of ["known", "unknown"].entries()) {
          for (const transport of ["stream", "classic"]) {
            const folder = temporaryFolder()
            writeFileSync(
              join(folder, "ptth_server.toml"),
              `name = "${name}"\napi_key = "${canaries[n]}"\nrelay_url = "${relay.url}"\n` +
                `file_server_root = "."\ntransport = "${transport}"\n`,
              { mode: 0o600 },
            )
            const server = program(["server", "--log-level", "trace"], { cwd: folder })
            await server.running.said(/connected|KEY_REFUSED/, "stderr")
            programs.push(server)
          }
        }
        const shown: Array<string> = []
        const admin = { host: "127.0.0.1", port: adminPort }
        for (const [to, target] of [
          [relay, "/frontend/servers/"],
          [relay, "/servers/known/"],
          [relay, "/servers/known/files/"],
          [relay, "/servers/known/files/ptth_server.toml"],
          [relay, "/servers/unknown/"],
          [relay, "/servers/known/\x1b%1b%0a"],
          [relay, "/nothing"],
          [admin, "/"],
          [admin, "/metrics"],
          [admin, "/unregistered"],
          [admin, "/audit"],
          [admin, "/api/v1/servers"],
        ] as const) {
          const answer = await send(to, `GET ${target} HTTP/1.1`, [["X-ApiKey", canaries[0]]])
          shown.push(JSON.stringify(answer.headers), answer.text)
        }
        for (const running of programs) {
          running.running.child.kill("SIGTERM")
          shown.push(readFileSync(`/proc/${running.pid}/cmdline`, "utf8"))
          const { stderr, stdout } = await running.running.ended
          shown.push(stderr, stdout)
        }
        const all = shown.join("\n")
        assert.include(all, "known")
        assert.include(all, tripcodeOfText(canaries[1]))
        for (const canary of canaries) {
          assert.notInclude(all, canary)
          assert.notInclude(all, Buffer.from(canary).toString("base64").slice(0, 20))
          assert.notInclude(all, canary.slice(0, 20))
        }
        assert.notInclude(all, "\x1b")
      }),
  )
})
