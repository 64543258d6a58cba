/**
 * What an application behind the tunnel is told of its visitor, what is kept
 * from it, how its own addresses reach the visitor, and that nothing a visitor
 * or the application says leads anywhere but to that application.
 */
import { execFile, execFileSync } from "node:child_process"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Upstream from "../../src/server/upstream/Upstream.ts"
import * as Harness from "../support/Harness.ts"
import { HttpOrigin, RawOrigin, type Seen } from "../support/HttpOrigin.ts"
import { chunkOf, lastChunk, RawHttp, type RawResponse } from "../support/RawHttp.ts"

const transports = ["classic", "stream"] as const
type Transport = (typeof transports)[number]

/** A relay, and a server that passes on to an origin. */
const relayTo = Effect.fnUntraced(function* (
  transport: Transport,
  origin: URL,
  options: Harness.RelayOptions = {},
  hostHeader?: string,
) {
  const relay = yield* Harness.relay({ servers: ["app"], ...options })
  const to = Upstream.make({ origin, ...(hostHeader === undefined ? {} : { hostHeader }) })
  yield* Effect.addFinalizer(() => Effect.sync(to.close))
  yield* Harness.server(relay, "app", to.handler, { transport })
  return relay
})

interface Setting {
  readonly relay: Harness.TestRelay
  readonly origin: HttpOrigin
  /** A GET for a path of the application's, with exactly these fields. */
  readonly get: (path: string, headers?: HeaderList) => Promise<RawResponse>
  /** What the application saw last. */
  readonly seen: () => Seen
}

const get =
  (relay: Harness.TestRelay) =>
  async (path: string, headers: HeaderList = [["Host", "app.test"]]): Promise<RawResponse> => {
    const visitor = await RawHttp.connect(relay)
    await visitor.send(`GET /servers/app${path} HTTP/1.1`, headers)
    return visitor.readResponse()
  }

const proverOver =
  (transport: Transport) =>
  (
    sentence: string,
    test: (setting: Setting) => Promise<void>,
    options: Harness.RelayOptions = {},
    hostHeader?: string,
  ): void => {
    it.live(sentence, () =>
      Effect.gen(function* () {
        const origin = yield* Harness.promised(() => HttpOrigin.start())
        const relay = yield* relayTo(transport, origin.url, options, hostHeader)
        yield* Harness.promised(() =>
          test({ relay, origin, get: get(relay), seen: () => origin.seen.at(-1) as Seen }),
        )
      }),
    )
  }

const network = (text: string): IpNetwork.IpNetwork =>
  IpNetwork.fromInterface(Result.getOrThrow(IpInterface.fromString(text)))

const told = ({ all }: Seen): Readonly<Record<string, ReadonlyArray<string>>> => ({
  for: all("x-forwarded-for"),
  host: all("x-forwarded-host"),
  proto: all("x-forwarded-proto"),
  prefix: all("x-forwarded-prefix"),
  forwarded: all("forwarded"),
})

const plainTold = {
  for: ["127.0.0.1"],
  host: ["app.test"],
  proto: ["http"],
  prefix: ["/servers/app"],
  forwarded: ["for=127.0.0.1;host=app.test;proto=http"],
}

const host: HeaderList[number] = ["Host", "app.test"]

const hasCurl = ((): boolean => {
  try {
    execFileSync("curl", ["--version"])
    return true
  } catch {
    return false
  }
})()

for (const transport of transports) {
  const proves = proverOver(transport)

  describe(`what an application is told of its visitor, over ${transport}`, () => {
    proves("it is made from the socket, each field once", async ({ get, seen }) => {
      await get("/")
      assert.deepStrictEqual(told(seen()), plainTold)
      assert.deepStrictEqual(seen().all("host"), ["app.test"])
    })

    proves(
      "a visitor of HTTP/1.0 without Host gets the application's own",
      async ({ origin, relay, seen }) => {
        const visitor = await RawHttp.connect(relay)
        await visitor.send("GET /servers/app/ HTTP/1.0")
        await visitor.readResponse()
        assert.deepStrictEqual(seen().all("host"), [`127.0.0.1:${origin.port}`])
        assert.deepStrictEqual(told(seen()), {
          ...plainTold,
          host: [],
          forwarded: ["for=127.0.0.1;proto=http"],
        })
      },
    )

    const claims: ReadonlyArray<string> = [
      ...["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"],
      ...["X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Scheme"],
      ...["Forwarded", "X-Real-IP", "X-FORWARDED-FOR", "x-forwarded-for", "x_forwarded_for"],
      ...[
        "X_Forwarded_For",
        "X-Forwarded_For",
        "X_FORWARDED-HOST",
        "x_forwarded_proto",
        "x_real_ip",
      ],
    ]

    proves(
      "a visitor's own claims never arrive, however they are spelled",
      async ({ get, seen }) => {
        for (const claim of claims) {
          await get("/", [host, [claim, "spoofed.test"], [claim, "twice.test"]])
          assert.deepStrictEqual(told(seen()), plainTold, claim)
          assert.notInclude(JSON.stringify(seen().headers), "spoofed", claim)
          assert.notInclude(JSON.stringify(seen().headers), "twice", claim)
        }
      },
    )

    proves("claims and keys in trailers do not arrive either", async ({ origin, relay, seen }) => {
      origin.answer = async ({ body, response }) => {
        await body()
        response.end("ok")
      }
      const forbidden: ReadonlyArray<string> = [
        ...claims,
        ...["X-ApiKey", "Host", "Connection", "Cookie", "Set-Cookie", "If-Match"],
        ...[
          "Authorization",
          "Content-Type",
          "Content-Encoding",
          "TE",
          "Trailer",
          "Expect",
          "Range",
        ],
      ]
      const visitor = await RawHttp.connect(relay)
      await visitor.send(
        "POST /servers/app/ HTTP/1.1",
        [host, ["Transfer-Encoding", "chunked"]],
        chunkOf("body").toString("latin1") +
          lastChunk([...forbidden.map((name) => [name, "7"] as const), ["X-Sum", "abc"]]),
      )
      assert.strictEqual((await visitor.readResponse()).text, "ok")
      assert.deepStrictEqual(seen().trailers(), [["X-Sum", "abc"]])
    })

    proves(
      "a visitor cannot have the relay's fields removed by nominating them",
      async ({ get, seen }) => {
        for (const nominated of [
          "X-Forwarded-Host",
          "x-forwarded-for, X-Forwarded-Proto",
          "Forwarded",
          "close, X-Forwarded-Prefix",
        ]) {
          await get("/", [host, ["Connection", nominated]])
          assert.deepStrictEqual(told(seen()), plainTold, nominated)
        }
      },
    )

    proves("a key of the tunnel never arrives", async ({ get, seen }) => {
      for (const name of ["X-ApiKey", "x-apikey", "X-APIKEY", "X_ApiKey"]) {
        await get("/", [host, [name, "the-key"]])
        assert.notInclude(JSON.stringify(seen().headers), "the-key", name)
      }
    })

    proves(
      "connection fields are not forwarded, in either direction",
      async ({ get, origin, seen }) => {
        origin.answer = ({ response }) => {
          response.writeHead(200, [
            ...["Connection", "X-Private"],
            ...["Connection", "x-second"],
            ...["X-Private", "the origin's"],
            ...["X-Second", "the origin's"],
            ...["Proxy-Authenticate", "Basic"],
            ...["Keep-Alive", "timeout=7"],
            ...["X-Public", "kept"],
            ...["Content-Length", "2"],
          ])
          response.end("ok")
        }
        const answer = await get("/", [
          host,
          ["Connection", "X-Private, keep-alive"],
          ["Connection", "X-Second"],
          ["X-Private", "the visitor's"],
          ["x-second", "the visitor's"],
          ["Keep-Alive", "timeout=9"],
          ["Proxy-Authorization", "Basic eDp5"],
          ["Proxy-Connection", "keep-alive"],
          ["TE", "gzip"],
          ["X-Public", "kept"],
        ])
        for (const name of [
          "x-private",
          "x-second",
          "keep-alive",
          "proxy-authorization",
          "proxy-connection",
          "te",
        ])
          assert.deepStrictEqual(seen().all(name), [], name)
        assert.strictEqual(seen().header("x-public"), "kept")
        for (const name of ["x-private", "x-second", "proxy-authenticate"])
          assert.deepStrictEqual(answer.all(name), [], name)
        assert.notInclude(answer.all("keep-alive"), "timeout=7")
        assert.strictEqual(answer.header("x-public"), "kept")
      },
    )

    proves(
      "a trusted proxy is believed: its chain goes on, also over several lines",
      async ({ get, seen }) => {
        await get("/", [
          host,
          ["X-Forwarded-For", "203.0.113.7"],
          ["X-Forwarded-For", "198.51.100.2"],
          ["X-Forwarded-Host", "spoofed.test"],
          ["X-Forwarded-Host", "public.test"],
          ["X-Forwarded-Proto", "http"],
          ["X-Forwarded-Proto", "https"],
          ["X-Forwarded-Prefix", "/below"],
          ["Forwarded", "for=203.0.113.7"],
          ["Forwarded", "for=198.51.100.2"],
        ])
        assert.deepStrictEqual(told(seen()), {
          for: ["203.0.113.7, 198.51.100.2, 127.0.0.1"],
          host: ["public.test"],
          proto: ["https"],
          prefix: ["/below/servers/app"],
          forwarded: [
            "for=203.0.113.7, for=198.51.100.2, for=127.0.0.1;host=public.test;proto=https",
          ],
        })
      },
      { config: { trustedProxies: [network("127.0.0.0/8")] } },
    )

    proves(
      "a proxy outside the trusted networks is not believed",
      async ({ get, seen }) => {
        await get("/", [host, ["X-Forwarded-For", "203.0.113.7"], ["X-Forwarded-Proto", "https"]])
        assert.deepStrictEqual(told(seen()), plainTold)
      },
      { config: { trustedProxies: [network("10.0.0.0/8"), network("::1/128")] } },
    )

    proves(
      "--host-header is what the application sees, while it is still told the visitor's",
      async ({ get, seen }) => {
        await get("/")
        assert.deepStrictEqual(seen().all("host"), ["inner.test:8080"])
        assert.deepStrictEqual(told(seen()), plainTold)
      },
      {},
      "inner.test:8080",
    )
  })

  describe(`how an application's own addresses reach its visitor, over ${transport}`, () => {
    const answers: ReadonlyArray<readonly [field: string, from: string, to: string]> = [
      ["Location", "/login", "/servers/app/login"],
      ["Location", "/", "/servers/app/"],
      ["Location", "/login?next=/a#b", "/servers/app/login?next=/a#b"],
      ["Location", "/servers/app/login", "/servers/app/login"],
      ["Location", "/servers/apple", "/servers/app/servers/apple"],
      ["Location", "http://app.test/login", "http://app.test/servers/app/login"],
      ["Location", "http://APP.TEST", "http://APP.TEST/servers/app/"],
      ["Location", "http://other.test/login", "http://other.test/login"],
      ["Location", "//other.test/login", "//other.test/login"],
      ["Location", "login", "login"],
      ["Location", "../up", "../up"],
      ["Location", "?q", "?q"],
      ["Content-Location", "/a/b", "/servers/app/a/b"],
      ["Set-Cookie", "a=1; Path=/; HttpOnly", "a=1; Path=/servers/app/; HttpOnly"],
      ["Set-Cookie", "a=1; path=/x", "a=1; Path=/servers/app/x"],
      ["Set-Cookie", "a=1; Domain=app.test; Secure", "a=1; Secure"],
      ["Set-Cookie", "a=/; SameSite=Lax", "a=/; SameSite=Lax"],
    ]

    proves("they are put below the server's path, once", async ({ get, origin }) => {
      for (const [field, from, to] of answers) {
        origin.answer = ({ response }) => {
          response.writeHead(302, [field, from, "Content-Length", "0"])
          response.end()
        }
        assert.strictEqual((await get("/x")).header(field.toLowerCase()), to, from)
      }
    })

    proves(
      "an application that names itself by --host-header is still reached through the relay",
      async ({ get, origin }) => {
        for (const [from, to] of [
          ["http://inner.test:8080/login", "/servers/app/login"],
          ["http://inner.test:8080", "/servers/app/"],
          ["http://inner.test:8080?q", "/servers/app/?q"],
          ["http://INNER.test:8080//evil.test/", "http://app.test/servers/app//evil.test/"],
          ["http://inner.test/login", "http://inner.test/login"],
          ["http://inner.test:8080@evil.test/", "http://inner.test:8080@evil.test/"],
        ] as const) {
          origin.answer = ({ response }) => {
            response.writeHead(302, ["Location", from, "Content-Length", "0"])
            response.end()
          }
          assert.strictEqual((await get("/x")).header("location"), to, from)
        }
      },
      {},
      "inner.test:8080",
    )

    it.live("a path of --to is put before targets and taken off addresses", () =>
      Effect.gen(function* () {
        const origin = yield* Harness.promised(() => HttpOrigin.start())
        const relay = yield* relayTo(transport, new URL("/base", origin.url))
        const seen = () => origin.seen.at(-1) as Seen
        origin.answer = ({ response }) => {
          response.writeHead(201, ["Location", "/base/a", "Link", `<${origin.url.href}base/b>`])
          response.end()
        }
        yield* Harness.promised(async () => {
          const visitor = await RawHttp.connect(relay)
          await visitor.send("COPY /servers/app/a%2Fb?q HTTP/1.1", [
            ["Host", "app.test"],
            ["Destination", "http://app.test/servers/app/c"],
            ["If", "<http://app.test/servers/app/c> (<urn:x>)"],
          ])
          const answer = await visitor.readResponse()
          assert.strictEqual(seen().target, "/base/a%2Fb?q")
          assert.strictEqual(seen().header("destination"), "http://app.test/base/c")
          assert.strictEqual(seen().header("if"), "<http://app.test/base/c> (<urn:x>)")
          assert.isUndefined(seen().header("x-forwarded-prefix"))
          assert.strictEqual(answer.header("location"), "/servers/app/a")
          assert.strictEqual(answer.header("link"), "</servers/app/b>")
        })
      }),
    )

    it.live.skipIf(!hasCurl)(
      "curl follows a redirect to a login and brings its cookies back (skipped without curl)",
      () =>
        Effect.gen(function* () {
          const origin = yield* Harness.promised(() => HttpOrigin.start())
          const relay = yield* relayTo(transport, origin.url)
          origin.answer = ({ header, response, target }) => {
            if (target === "/private" && !header("cookie")?.includes("session=42")) {
              response.writeHead(302, { Location: "/login", "Set-Cookie": "seen=1; Path=/login" })
              return void response.end()
            }
            if (target === "/login") {
              response.writeHead(302, {
                Location: "/private",
                "Set-Cookie": "session=42; Path=/; HttpOnly",
              })
              return void response.end()
            }
            response.end(`welcome, ${header("cookie")}`)
          }
          const { stdout } = yield* Harness.promised(() =>
            promisify(execFile)("curl", [
              ...["--silent", "--show-error", "--location", "--max-redirs", "5", "--noproxy", "*"],
              ...["--max-time", "10", "--cookie", "", `${relay.url}/servers/app/private`],
            ]),
          )
          assert.strictEqual(stdout, "welcome, session=42")
          assert.deepStrictEqual(
            origin.seen.map(({ header, target }) => [target, header("cookie")]),
            [
              ["/private", undefined],
              ["/login", "seen=1"],
              ["/private", "session=42"],
            ],
          )
        }),
    )
  })

  describe(`one fixed origin, over ${transport}`, () => {
    proves("no path, target, Host or field leads anywhere else", async ({ origin, relay }) => {
      const evil = await HttpOrigin.start()
      const at = `127.0.0.1:${evil.port}`
      const targets = [
        ...[
          `//${at}/x`,
          `///${at}/x`,
          `/\\${at}/x`,
          `/@${at}/x`,
          `@${at}/x`,
          `/.${at}`,
          `:80@${at}/x`,
        ],
        ...[
          `/http://${at}/x`,
          `/?url=http://${at}/x`,
          `/..//${at}/x`,
          `/%2F%2F${at}/x`,
          `/;@${at}`,
        ],
      ]
      for (const target of targets) {
        for (const start of [
          `/servers/app${target}`,
          `http://app.test/servers/app${target}`,
          `http://${at}/servers/app${target}`,
        ]) {
          const visitor = await RawHttp.connect(relay)
          await visitor.send(`GET ${start} HTTP/1.1`, [host])
          assert.oneOf((await visitor.readResponse()).status, [200, 404], start)
        }
      }
      for (const authority of [
        at,
        `app.test@${at}`,
        `${at}#app.test`,
        `app.test:${evil.port}`,
        "",
      ]) {
        const visitor = await RawHttp.connect(relay)
        await visitor.send("GET /servers/app/host HTTP/1.1", [
          ["Host", authority],
          ["X-Forwarded-Host", at],
          ["Forwarded", `host=${at}`],
          ["X-Original-URL", `http://${at}/`],
        ])
        assert.strictEqual((await visitor.readResponse()).status, 200, authority)
      }
      for (const start of [`//${at}/x`, `http://${at}/x`, `http://${at}//x`, `/\\${at}`]) {
        const visitor = await RawHttp.connect(relay)
        await visitor.send(`GET ${start} HTTP/1.1`, [host])
        assert.strictEqual((await visitor.readResponse()).status, 404, start)
      }
      assert.strictEqual(evil.connections, 0)
      assert.isAbove(origin.seen.length, 20)
    })

    proves(
      "a redirect of the origin's is the visitor's to follow, not the server's",
      async ({ get, origin }) => {
        const evil = await HttpOrigin.start()
        origin.answer = ({ response }) => {
          response.writeHead(302, { Location: `${evil.url.href}x` })
          response.end()
        }
        const answer = await get("/")
        assert.strictEqual(answer.status, 302)
        assert.strictEqual(answer.header("location"), `${evil.url.href}x`)
        assert.strictEqual(evil.connections, 0)
      },
    )
  })

  describe(`an origin that is not there, or breaks, over ${transport}`, () => {
    for (const name of ["127.0.0.1", "localhost"]) {
      it.live(
        `an origin at ${name} that is down is a 502 that says so, in the form that was asked for`,
        () =>
          Effect.gen(function* () {
            const gone = yield* Harness.promised(() => RawOrigin.start())
            const { port } = gone
            yield* Harness.promised(
              () => new Promise<void>((resolve) => gone.server.close(() => resolve())),
            )
            const relay = yield* relayTo(transport, new URL(`http://${name}:${port}`))
            yield* Harness.promised(async () => {
              const forms: ReadonlyArray<readonly [accept: string | undefined, type: RegExp]> = [
                [undefined, /^text\/plain/],
                ["text/html,application/xhtml+xml,*/*;q=0.8", /^text\/html/],
                ["application/problem+json", /^application\/problem\+json/],
                ["application/json", /^application\/problem\+json/],
              ]
              for (const [accept, type] of forms) {
                const fields: HeaderList =
                  accept === undefined ? [host] : [host, ["Accept", accept]]
                const answer = await get(relay)("/", fields)
                assert.strictEqual(answer.status, 502)
                assert.match(answer.header("content-type") ?? "", type)
                assert.include(answer.text, "PTTH_ORIGIN_DOWN")
                // Where the application is, is nothing for strangers.
                assert.notInclude(answer.text, `${port}`)
              }
              const visitor = await RawHttp.connect(relay)
              await visitor.send(
                "POST /servers/app/ HTTP/1.1",
                [host, ["Content-Length", "100000"]],
                Buffer.alloc(100_000),
              )
              assert.strictEqual((await visitor.readResponse()).status, 502)
            })
          }),
      )
    }

    const provesOfBytes = (
      sentence: string,
      test: (setting: {
        readonly relay: Harness.TestRelay
        readonly origin: RawOrigin
        readonly visitor: () => Promise<RawHttp>
      }) => Promise<void>,
    ): void => {
      it.live(sentence, () =>
        Effect.gen(function* () {
          const origin = yield* Harness.promised(() => RawOrigin.start())
          const relay = yield* relayTo(transport, origin.url)
          yield* Harness.promised(() =>
            test({ relay, origin, visitor: () => RawHttp.connect(relay) }),
          )
        }),
      )
    }

    const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    const line = (method: string): string => `${method} /servers/app/ HTTP/1.1`

    /** Leaves so many connections of the origin's in the server's pool. */
    const warm = async (
      origin: RawOrigin,
      relay: Harness.TestRelay,
      count: number,
    ): Promise<ReadonlyArray<RawHttp>> => {
      const visitors = await Promise.all(
        Array.from({ length: count }, async () => {
          const visitor = await RawHttp.connect(relay)
          await visitor.send(line("GET"), [host])
          return visitor
        }),
      )
      const connections: Array<RawHttp> = []
      for (let n = 0; n < count; n++) {
        const connection = await origin.connection(n)
        await connection.readHeadText()
        connections.push(connection)
      }
      for (const connection of connections) await connection.write(ok)
      for (const visitor of visitors) assert.strictEqual((await visitor.readResponse()).text, "ok")
      return connections
    }

    for (const method of ["GET", "HEAD", "OPTIONS"]) {
      provesOfBytes(
        `${method} that meets a dead pooled connection is sent once more`,
        async ({ origin, relay, visitor }) => {
          const [pooled] = await warm(origin, relay, 1)
          const client = await visitor()
          await client.send(line(method), [host])
          await pooled?.readHeadText()
          pooled?.reset()
          const fresh = await origin.connection(1)
          assert.match(await fresh.readHeadText(), new RegExp(`^${method} / `))
          await fresh.write(method === "HEAD" ? ok.slice(0, -2) : ok)
          assert.strictEqual((await client.readResponse(method)).status, 200)
          assert.strictEqual(origin.connections.length, 2)
        },
      )
    }

    provesOfBytes(
      "a GET is answered although every pooled connection is dead",
      async ({ origin, relay, visitor }) => {
        const pool = await warm(origin, relay, 5)
        for (const connection of pool) void connection.readSome().then(() => connection.reset())
        const client = await visitor()
        await client.send(line("GET"), [host])
        const fresh = await origin.connection(5)
        await fresh.readHeadText()
        await fresh.write(ok)
        assert.strictEqual((await client.readResponse()).text, "ok")
      },
    )

    provesOfBytes(
      "a POST that meets a dead pooled connection is a 502 and reaches the origin once",
      async ({ origin, relay, visitor }) => {
        const [pooled] = await warm(origin, relay, 1)
        const client = await visitor()
        await client.send(line("POST"), [host, ["Content-Length", "4"]], "once")
        assert.match((await pooled?.readHeadText()) ?? "", /^POST \/ /)
        pooled?.reset()
        const answer = await client.readResponse()
        assert.strictEqual(answer.status, 502)
        assert.include(answer.text, "PTTH_ORIGIN_BROKEN")
        assert.strictEqual(origin.connections.length, 1)
      },
    )

    provesOfBytes(
      "a GET whose fresh connection breaks is a 502 and is not repeated",
      async ({ origin, visitor }) => {
        const client = await visitor()
        await client.send(line("GET"), [host])
        const connection = await origin.connection()
        await connection.readHeadText()
        connection.reset()
        const answer = await client.readResponse()
        assert.strictEqual(answer.status, 502)
        assert.include(answer.text, "PTTH_ORIGIN_BROKEN")
        assert.strictEqual(origin.connections.length, 1)
      },
    )

    const nonsense: ReadonlyArray<readonly [what: string, answer: string]> = [
      ["no HTTP", "SSH-2.0-OpenSSH_9\r\n"],
      ["status 99", "HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"],
      [
        "an upgrade that nobody asked for",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
      ],
      ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
      ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nok"],
      ["NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok"],
      ["a head of 100 KiB", `HTTP/1.1 200 OK\r\nX: ${"v".repeat(100 * 1024)}\r\n\r\n`],
      ["a head that never ends", "HTTP/1.1 200 OK\r\nX: a"],
    ]
    for (const [what, bytes] of nonsense) {
      provesOfBytes(
        `${what} from the origin is a 502 that says so, and the next request works`,
        async ({ origin, visitor }) => {
          const client = await visitor()
          await client.send(line("GET"), [host])
          const connection = await origin.connection()
          await connection.readHeadText()
          await connection.write(bytes)
          connection.socket.end()
          const answer = await client.readResponse()
          assert.strictEqual(answer.status, 502)
          assert.match(answer.text, /PTTH_(?:ORIGIN_BROKEN|BAD_ANSWER)/)
          await client.send(line("GET"), [host])
          const next = await origin.connection(1)
          await next.readHeadText()
          await next.write(ok)
          assert.strictEqual((await client.readResponse()).text, "ok")
        },
      )
    }
  })
}
