/**
 * What HTTP can do, as one suite for any way to an origin: to the origin
 * itself, and through each transport of the tunnel. A test states what is
 * true of HTTP; where a tunnel may differ from the origin itself is said in
 * {@link differences}, with the reason, and nowhere else.
 */
import { createHash, randomBytes } from "node:crypto"
import type * as http from "node:http"
import * as net from "node:net"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Harness from "../support/Harness.ts"
import { HttpOrigin, RawOrigin, type Seen } from "../support/HttpOrigin.ts"
import {
  type Address,
  BrokenError,
  chunkOf,
  lastChunk,
  type RawHead,
  RawHttp,
  type RawResponse,
} from "../support/RawHttp.ts"

/** A way to an origin. */
export interface Target extends Address {
  /** What stands before the origin's own path. */
  readonly prefix: string
  /** Whether a tunnel lies in between, for which {@link differences} holds. */
  readonly isTunnel: boolean
}

/** Opens a way to an origin. */
export type MakeTarget = (origin: URL) => Effect.Effect<Target, unknown, Scope.Scope>

/** Everything in which a tunnel may differ from the origin itself, and why. */
export const differences = {
  /** Fields that an origin sees besides those that were sent. */
  requestFieldsAdded: {
    "x-forwarded-for": "made from the visitor's socket; test/http/Forwarding.test.ts",
    "x-forwarded-host": "as above",
    "x-forwarded-proto": "as above",
    "x-forwarded-prefix": "path mode: what stands before the origin's own path",
    forwarded: "RFC 7239, as above",
    "cdn-loop": "RFC 8586: shows that a request goes round in circles",
  },
  /** Request fields that belong to one connection (RFC 9110 7.6.1, RFC 9112 6). */
  requestFieldsOfAConnection: {
    connection: "each leg has its own",
    "transfer-encoding": "each leg frames anew; a body's length is known or unknown alike on all",
  },
  /** Response fields that belong to one connection, or that whoever answers adds when they lack. */
  responseFieldsOfAConnection: {
    connection: "each leg has its own",
    "keep-alive": "each leg has its own",
    "transfer-encoding": "each leg frames anew; a length that was promised stays",
    date: "added where the origin sends none (RFC 9110 6.6.1); the origin's own is passed on",
  },
  /** What a visitor or an origin notices besides fields. */
  behaviour: {
    reason: "the reason phrase is the standard one: it is no part of the messages (RFC 9112 4)",
    brokenOrigin: "an origin that breaks off before its head is a 502, not a broken connection",
    earlyAnswer: "a whole answer to an unfinished upload ends the connection (RFC 9112 9.6)",
    underWay:
      "three connections instead of one, each with its kernel's buffers (4.8 MiB on a Linux loopback)",
    closeDelimited:
      "a body that ends with the origin's connection is chunked for the visitor, so that its end is certain",
  },
  /** What Node's parser at the origin does not let through. */
  impossible: {
    methods: "a method that Node's parser does not know is passed on, and a 400 of this origin",
    targets: "bytes above 0x7f in a target are a 400 of Node; the relay percent-encodes them",
  },
} as const

const without = (headers: HeaderList, ...tables: ReadonlyArray<object>): HeaderList =>
  headers.filter(([name]) => !tables.some((table) => Object.hasOwn(table, name.toLowerCase())))

/** The fields of a request, except those that may differ. */
const sentFields = (headers: HeaderList): HeaderList =>
  without(headers, differences.requestFieldsAdded, differences.requestFieldsOfAConnection)

/** The fields of a response, except those that may differ. */
const answeredFields = (headers: HeaderList): HeaderList =>
  without(headers, differences.responseFieldsOfAConnection)

const host: HeaderList[number] = ["Host", "app.test"]

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Bytes that no part of a tunnel could make up, the same for the same seed. */
const noise = (length: number, seed: string): Buffer => {
  const block = createHash("sha512").update(seed).digest()
  const bytes = Buffer.alloc(length, block)
  for (let at = 0, n = 0; at < length; at += 4096, n++) bytes.writeUInt8(n & 0xff, at)
  return bytes
}

const echo = async ({ body, header, request, response }: Seen): Promise<void> => {
  const bytes = await body()
  response.writeHead(200, {
    "X-Method": request.method,
    "X-Length": header("content-length") ?? "none",
    "X-Coding": header("transfer-encoding") ?? "none",
    "Content-Length": bytes.length,
  })
  response.end(bytes)
}

/** An answer whose head is written exactly as it is listed. */
const answerRaw = (
  response: http.ServerResponse,
  status: number,
  headers: HeaderList,
  body: string | Uint8Array = "",
): void => {
  response.writeHead(status, headers.flat())
  response.end(typeof body === "string" ? Buffer.from(body, "latin1") : body)
}

/** Everything a test needs. */
interface Setting {
  readonly target: Target
  readonly origin: HttpOrigin
  /** A request line for a path of the origin's. */
  readonly line: (method: string, path: string, version?: string) => string
  readonly connect: () => Promise<RawHttp>
  /** One request on a connection of its own. */
  readonly ask: (
    method: string,
    path: string,
    headers?: HeaderList,
    body?: string | Uint8Array,
  ) => Promise<RawResponse>
}

const lined =
  (target: Target) =>
  (method: string, path: string, version = "1.1"): string =>
    `${method} ${target.prefix}${path} HTTP/${version}`

const broken = async (promise: Promise<unknown>): Promise<BrokenError> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof BrokenError) return error
    throw error
  }
  throw new Error("the response came whole")
}

/** Runs the whole suite against one kind of target. */
export const suite = (name: string, makeTarget: MakeTarget): void => {
  const proves = (sentence: string, test: (setting: Setting) => Promise<void>): void => {
    it.live(sentence, () =>
      Effect.gen(function* () {
        const origin = yield* Harness.promised(() => HttpOrigin.start())
        const target = yield* makeTarget(origin.url)
        const line = lined(target)
        const connect = () => RawHttp.connect(target)
        yield* Harness.promised(() =>
          test({
            target,
            origin,
            line,
            connect,
            ask: async (method, path, headers = [], body = "") => {
              const visitor = await connect()
              await visitor.send(line(method, path), [host, ...headers], body)
              return visitor.readResponse(method)
            },
          }),
        )
      }),
    )
  }

  /** As `proves`, with an origin whose bytes the test writes itself. */
  const provesOfBytes = (
    sentence: string,
    test: (
      setting: Omit<Setting, "origin" | "ask"> & { readonly origin: RawOrigin },
    ) => Promise<void>,
  ): void => {
    it.live(sentence, () =>
      Effect.gen(function* () {
        const origin = yield* Harness.promised(() => RawOrigin.start())
        const target = yield* makeTarget(origin.url)
        const line = lined(target)
        yield* Harness.promised(() =>
          test({ target, origin, line, connect: () => RawHttp.connect(target) }),
        )
      }),
    )
  }

  describe(`HTTP, ${name}: requests`, () => {
    proves("every method arrives, with a body and without", async ({ connect, line, origin }) => {
      origin.answer = echo
      const visitor = await connect()
      const methods = [
        ...["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "MKCOL", "QUERY"],
        ...["LOCK", "REPORT", "SEARCH", "PURGE", "M-SEARCH", "TRACE"],
      ]
      for (const method of methods) {
        for (const body of [undefined, `the body of ${method}`]) {
          const framing: HeaderList =
            body === undefined ? [] : [["Content-Length", `${body.length}`]]
          await visitor.send(line(method, "/m"), [host, ...framing], body)
          const answer = await visitor.readResponse(method)
          assert.strictEqual(answer.status, 200, method)
          assert.strictEqual(answer.header("x-method"), method)
          assert.strictEqual(answer.text, body ?? "")
          assert.strictEqual(
            answer.header("x-length"),
            body === undefined ? "none" : `${body.length}`,
          )
          assert.strictEqual(answer.header("x-coding"), "none")
        }
      }
      assert.strictEqual(origin.seen.length, methods.length * 2)
    })

    proves(
      "a method that Node's parser does not know is refused by the origin",
      async ({ ask, origin }) => {
        assert.strictEqual((await ask("FOO", "/m")).status, 400)
        assert.strictEqual(origin.seen.length, 0)
      },
    )

    proves(
      "a body arrives whole at every size around the limit for small ones, and its length stays known or unknown",
      async ({ connect, line, origin }) => {
        origin.answer = echo
        const visitor = await connect()
        for (const size of [0, 1, 16_383, 16_384, 16_385, 65_536, 300_000]) {
          const body = noise(size, `size ${size}`)
          await visitor.send(line("POST", "/b"), [host, ["Content-Length", `${size}`]], body)
          const promised = await visitor.readResponse()
          assert.strictEqual(sha(promised.body), sha(body), `${size} promised`)
          assert.strictEqual(promised.header("x-length"), `${size}`)
          assert.strictEqual(promised.header("x-coding"), "none")
          const chunks = [chunkOf(body.subarray(0, size / 2)), chunkOf(body.subarray(size / 2))]
          const nonempty = chunks.filter((chunk) => chunk[0] !== 0x30)
          await visitor.send(
            line("POST", "/b"),
            [host, ["Transfer-Encoding", "chunked"]],
            Buffer.concat([...nonempty, Buffer.from(lastChunk())]),
          )
          const chunked = await visitor.readResponse()
          assert.strictEqual(sha(chunked.body), sha(body), `${size} chunked`)
          assert.strictEqual(chunked.header("x-length"), "none")
          assert.strictEqual(chunked.header("x-coding"), "chunked")
        }
      },
    )

    const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 80_000 }))
    it.live.prop(
      "bodies of any sizes come back as they went, on one connection",
      [Schema.Array(Size).check(Schema.isMaxLength(8)), Schema.Boolean],
      ([sizes, chunked]) =>
        Effect.scoped(
          Effect.gen(function* () {
            const origin = yield* Harness.promised(() => HttpOrigin.start())
            origin.answer = echo
            const target = yield* makeTarget(origin.url)
            yield* Harness.promised(async () => {
              const visitor = await RawHttp.connect(target)
              for (const size of sizes) {
                const body = randomBytes(size)
                const framed = Buffer.concat([
                  size === 0 ? body : chunkOf(body),
                  Buffer.from(lastChunk()),
                ])
                await visitor.send(
                  lined(target)("PUT", "/p"),
                  [
                    host,
                    chunked ? ["Transfer-Encoding", "chunked"] : ["Content-Length", `${size}`],
                  ],
                  chunked ? framed : body,
                )
                const answer = await visitor.readResponse()
                assert.strictEqual(sha(answer.body), sha(body))
              }
              visitor.socket.destroy()
            })
          }),
        ),
      { arbitrary: { runs: 20 } },
    )

    proves("20 MiB go up and come back with the same hash", async ({ connect, line, origin }) => {
      const body = noise(20 * 1024 * 1024, "large")
      origin.answer = async ({ request, response }) => {
        response.writeHead(200, { "Content-Length": request.headers["content-length"] })
        request.pipe(response)
      }
      const visitor = await connect()
      void visitor.send(line("PUT", "/large"), [host, ["Content-Length", `${body.length}`]], body)
      const answer = await visitor.readResponse()
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.framing, "length")
      assert.strictEqual(sha(answer.body), sha(body))
    })

    proves(
      "the origin sees the head before the first byte of the body, and may answer each part as it comes",
      async ({ connect, line, origin }) => {
        origin.answer = ({ request, response }) => {
          response.writeHead(200)
          response.flushHeaders()
          request.pipe(response)
        }
        const visitor = await connect()
        await visitor.send(line("POST", "/duplex"), [host, ["Transfer-Encoding", "chunked"]])
        const head = await visitor.readHead()
        assert.strictEqual(head.status, 200)
        for (const part of ["one", "two", "three"]) {
          await visitor.write(chunkOf(part))
          assert.strictEqual((await visitor.readChunk()).toString(), part)
        }
        await visitor.write(lastChunk())
        assert.strictEqual((await visitor.readChunk()).length, 0)
      },
    )

    proves(
      "request fields arrive in order, apart, in their case, empty ones and obs-text too",
      async ({ ask, origin }) => {
        const fields: HeaderList = [
          ["X-Dup", "one"],
          ["x-CASE-kept", "a"],
          ["X-Dup", "two"],
          ["X-Empty", ""],
          ["X-Dup", "three, four"],
          ["X-Text", "\x80\xa0\xffend"],
          ["X-Inner", 'a  b\tc "quoted; \\" , text"'],
          ["Cookie", "a=1; b=2"],
          ["Cookie", "c=3"],
          ["Via", "1.1 first"],
          ["Via", "1.1 second"],
          ["Accept-Language", "de"],
          ["Max-Forwards", "3"],
          ["__proto__", "x"],
          ["constructor", "y"],
        ]
        await ask("GET", "/f", fields)
        assert.deepStrictEqual(sentFields(origin.seen[0]?.headers ?? []), [host, ...fields])
      },
    )

    proves("200 request fields, and 30 KiB of them, arrive", async ({ ask, origin }) => {
      const many: HeaderList = Array.from({ length: 200 }, (_, n) => [`X-N-${n}`, `${n}`] as const)
      await ask("GET", "/f", many)
      assert.deepStrictEqual(sentFields(origin.seen[0]?.headers ?? []), [host, ...many])
      const large: HeaderList = [0, 1, 2].map(
        (n) => [`X-Large-${n}`, "v".repeat(10 * 1024)] as const,
      )
      await ask("GET", "/f", large)
      assert.deepStrictEqual(sentFields(origin.seen[1]?.headers ?? []), [host, ...large])
    })

    proves("path and query arrive byte for byte", async ({ ask, origin }) => {
      const targets = [
        ...["/", "/?", "/?a=b&c", "/??x", "/?a=%20%2f+&=", "/x?y?z", "/?/../..", "/?http://a/b"],
        ...["//", "//evil.test/x", "///", "/./", "/../", "/a/../b", "/a/./b", "/%2e%2e/", "/..;/x"],
        ...[
          "/%2F",
          "/%2f",
          "/%00",
          "/%zz",
          "/%",
          "/%E4%F6",
          "/a;b=c",
          "/@",
          "/@evil.test/",
          "/:80/",
        ],
        ...[
          "/\\",
          "/\\evil.test",
          "/|",
          '/"<>^`{}',
          "/~",
          "/'()*!$&,=+",
          "/[::1]",
          "/a b".replace(" ", "%20"),
        ],
        ...[`/${"long/".repeat(1638)}`, `/?${"q".repeat(8 * 1024)}`],
      ]
      for (const target of targets)
        assert.strictEqual((await ask("GET", target)).status, 200, target)
      assert.deepStrictEqual(
        origin.seen.map((seen) => seen.target),
        targets,
      )
    })

    proves(
      "a target with bytes that Node's parser refuses never arrives",
      async ({ ask, origin }) => {
        for (const target of ["/\x7f", "/\x01", "/\t"])
          assert.strictEqual((await ask("GET", target)).status, 400, JSON.stringify(target))
        assert.strictEqual(origin.seen.length, 0)
      },
    )

    proves(
      "a target with bytes beyond ASCII arrives percent-encoded, or is refused",
      async ({ ask, origin, target: { isTunnel } }) => {
        const umlaut = await ask("GET", "/B\xc3\xbccher?a=\xff")
        assert.strictEqual(umlaut.status, isTunnel ? 200 : 400)
        const upload = await ask("PUT", "/\xe4", [["Transfer-Encoding", "chunked"]], lastChunk())
        assert.strictEqual(upload.status, isTunnel ? 200 : 400)
        assert.deepStrictEqual(
          origin.seen.map((seen) => seen.target),
          isTunnel ? ["/B%C3%BCcher?a=%FF", "/%E4"] : [],
        )
      },
    )

    proves("trailers of a chunked request arrive", async ({ connect, line, origin }) => {
      origin.answer = async ({ body, response, trailers }) => {
        await body()
        response.end(JSON.stringify(trailers()))
      }
      const visitor = await connect()
      await visitor.send(
        line("POST", "/t"),
        [host, ["Transfer-Encoding", "chunked"], ["Trailer", "X-Sum, X-Twice"]],
        Buffer.concat([
          chunkOf("body"),
          Buffer.from(
            lastChunk([
              ["X-Sum", "1\xe4"],
              ["X-Twice", "a"],
              ["X-Twice", "b"],
            ]),
            "latin1",
          ),
        ]),
      )
      const answer = await visitor.readResponse()
      assert.deepStrictEqual(JSON.parse(answer.text), [
        ["X-Sum", "1\xe4"],
        ["X-Twice", "a"],
        ["X-Twice", "b"],
      ])
      assert.strictEqual(origin.seen[0]?.header("trailer"), "X-Sum, X-Twice")
    })

    proves("a Trailer field on a request without chunks does no harm", async ({ ask, origin }) => {
      const trailer: HeaderList = [["Trailer", "X-Sum"]]
      assert.strictEqual((await ask("GET", "/t", trailer)).status, 200)
      assert.strictEqual(
        (await ask("POST", "/t", [...trailer, ["Content-Length", "2"]], "ok")).status,
        200,
      )
      assert.strictEqual(
        (await ask("POST", "/t", [...trailer, ["Content-Length", "20000"]], noise(20_000, "t")))
          .status,
        200,
      )
      assert.strictEqual(origin.seen.length, 3)
    })

    proves("ranges and conditions go through, and so do their answers", async ({ ask, origin }) => {
      const conditions: HeaderList = [
        ["Range", "bytes=2-4"],
        ["If-Range", '"v1"'],
        ["If-None-Match", 'W/"v0", "v9"'],
        ["If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"],
        ["If-Match", "*"],
        ["If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"],
      ]
      const fields: HeaderList = [
        ["Content-Range", "bytes 2-4/10"],
        ["ETag", '"v1"'],
        ["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"],
        ["Accept-Ranges", "bytes"],
        ["Content-Length", "3"],
      ]
      origin.answer = ({ response }) => answerRaw(response, 206, fields, "234")
      const answer = await ask("GET", "/r", conditions)
      assert.strictEqual(answer.status, 206)
      assert.deepStrictEqual(answeredFields(answer.headers), fields)
      assert.strictEqual(answer.text, "234")
      assert.deepStrictEqual(sentFields(origin.seen[0]?.headers ?? []), [host, ...conditions])
    })
  })

  describe(`HTTP, ${name}: responses`, () => {
    proves(
      "every status from 200 to 999 arrives with its body",
      async ({ connect, line, origin }) => {
        origin.answer = ({ response, target }) => {
          const status = Number(target.slice(1))
          const body = status === 204 || status === 304 ? "" : `body of ${status}`
          const length: HeaderList = body === "" ? [] : [["Content-Length", `${body.length}`]]
          answerRaw(response, status, [["X-Status", `${status}`], ...length], body)
        }
        const visitor = await connect()
        for (let status = 200; status < 1000; status++) {
          await visitor.send(line("GET", `/${status}`), [host])
          const answer = await visitor.readResponse()
          assert.strictEqual(answer.status, status)
          assert.strictEqual(answer.header("x-status"), `${status}`)
          assert.strictEqual(
            answer.text,
            status === 204 || status === 304 ? "" : `body of ${status}`,
          )
        }
      },
    )

    proves("a challenge, a redirect and a teapot keep their fields", async ({ ask, origin }) => {
      const answers: ReadonlyArray<readonly [number, HeaderList]> = [
        [
          401,
          [
            ["WWW-Authenticate", 'Basic realm="x"'],
            ["WWW-Authenticate", "Digest nonce=1"],
          ],
        ],
        [418, [["X-Pot", "tea"]]],
        [451, [["Link", '<https://x.test>; rel="blocked-by"']]],
        [300, [["Location", "relative/place"]]],
        [302, [["Location", "https://elsewhere.test/login?next=/a"]]],
        [307, [["Location", "?q"]]],
        [308, [["Location", "../up"]]],
      ]
      for (const [status, fields] of answers) {
        origin.answer = ({ response }) =>
          answerRaw(response, status, [...fields, ["Content-Length", "0"]])
        const answer = await ask("GET", "/s")
        assert.strictEqual(answer.status, status)
        assert.deepStrictEqual(answeredFields(answer.headers), [...fields, ["Content-Length", "0"]])
      }
    })

    proves(
      "response fields arrive in order, apart, in their case, empty ones and obs-text too",
      async ({ ask, origin }) => {
        const fields: HeaderList = [
          ["Set-Cookie", "a=1; Secure; HttpOnly"],
          ["x-CASE-kept", "a"],
          ["Set-Cookie", "b=2, still=b"],
          ["Via", "1.1 first"],
          ["X-Dup", "1"],
          ["Set-Cookie", "c=3; SameSite=Lax"],
          ["X-Dup", "2"],
          ["Via", "1.1 second"],
          ["X-Empty", ""],
          ["X-Text", "\x80\xa0\xff."],
          ["Server", "its own/1.0"],
          ["Date", "Sun, 06 Nov 1994 08:49:37 GMT"],
          ["__proto__", "x"],
          ["Content-Length", "2"],
        ]
        origin.answer = ({ response }) => answerRaw(response, 200, fields, "ok")
        const answer = await ask("GET", "/f")
        assert.deepStrictEqual(
          answer.headers.filter(([field]) => !/^(connection|keep-alive)$/i.test(field)),
          fields,
        )
      },
    )

    proves("200 response fields, and 30 KiB of them, arrive", async ({ ask, origin }) => {
      const many: HeaderList = Array.from({ length: 200 }, (_, n) => [`X-N-${n}`, `${n}`] as const)
      const large: HeaderList = [0, 1, 2].map(
        (n) => [`X-Large-${n}`, "v".repeat(10 * 1024)] as const,
      )
      for (const fields of [many, large]) {
        origin.answer = ({ response }) =>
          answerRaw(response, 200, [...fields, ["Content-Length", "2"]], "ok")
        const answer = await ask("GET", "/f")
        assert.strictEqual(answer.status, 200, answer.text)
        assert.deepStrictEqual(answeredFields(answer.headers), [...fields, ["Content-Length", "2"]])
      }
    })

    proves(
      "HEAD has the fields of GET, the length too, and no body",
      async ({ connect, line, origin }) => {
        origin.answer = ({ response, target }) =>
          answerRaw(
            response,
            200,
            target === "/known" ? [["Content-Length", "12345"]] : [["X-A", "b"]],
          )
        const visitor = await connect()
        for (const path of ["/known", "/unknown", "/known"]) {
          await visitor.send(line("HEAD", path), [host])
          const answer = await visitor.readResponse("HEAD")
          assert.strictEqual(answer.status, 200)
          assert.strictEqual(
            answer.header("content-length"),
            path === "/known" ? "12345" : undefined,
          )
        }
      },
    )

    proves(
      "304 and 204 have their fields and no body, and the connection goes on",
      async ({ connect, line, origin }) => {
        const validators: HeaderList = [
          ["ETag", '"v1"'],
          ["Cache-Control", "max-age=60"],
          ["Vary", "Accept"],
        ]
        origin.answer = ({ response, target }) =>
          target === "/304"
            ? answerRaw(response, 304, [...validators, ["Content-Length", "777"]])
            : answerRaw(response, 204, validators)
        const visitor = await connect()
        for (const status of [304, 204, 304, 204]) {
          await visitor.send(line("GET", `/${status}`), [host])
          const answer = await visitor.readResponse()
          assert.strictEqual(answer.status, status)
          assert.deepStrictEqual(
            answeredFields(answer.headers),
            status === 304 ? [...validators, ["Content-Length", "777"]] : validators,
          )
        }
      },
    )

    proves("trailers of a chunked response arrive", async ({ ask, origin }) => {
      origin.answer = ({ response }) => {
        response.writeHead(200, ["Trailer", "X-Sum"])
        response.write("body")
        response.addTrailers([["X-Sum", "abc"]])
        response.end()
      }
      const answer = await ask("GET", "/t", [
        ["TE", "trailers"],
        ["Connection", "TE"],
      ])
      assert.strictEqual(answer.text, "body")
      assert.strictEqual(answer.header("trailer"), "X-Sum")
      assert.deepStrictEqual(answer.trailers, [["X-Sum", "abc"]])
      assert.strictEqual(origin.seen[0]?.header("te"), "trailers")
    })

    provesOfBytes(
      "a Trailer field on a response without chunks does no harm",
      async ({ connect, line, origin, target }) => {
        const visitor = await connect()
        // Through the tunnel a connection is not used again after a response that has no body.
        const answers: ReadonlyArray<
          readonly [method: string, answer: string, body: string, connection: number]
        > = [
          ["GET", "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok", "ok", 0],
          ["HEAD", "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n", "", 0],
          ["GET", "HTTP/1.1 304 Not Modified\r\nTrailer: X-Sum\r\n\r\n", "", 1],
          ["GET", "HTTP/1.1 204 No Content\r\nTrailer: X-Sum\r\n\r\n", "", 2],
        ]
        for (const [method, bytes, body, index] of answers) {
          await visitor.send(line(method, "/t"), [host])
          const connection = await origin.connection(target.isTunnel ? index : 0)
          await connection.readHeadText()
          await connection.write(bytes)
          const answer = await visitor.readResponse(method)
          assert.strictEqual(answer.text, body)
        }
      },
    )

    proves("early hints arrive, and never spoil the final answer", async ({ ask, origin }) => {
      origin.answer = ({ response }) => {
        response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" })
        response.writeProcessing()
        answerRaw(
          response,
          200,
          [
            ["X-Final", "yes"],
            ["Content-Length", "5"],
          ],
          "final",
        )
      }
      const answer = await ask("GET", "/hints")
      assert.deepStrictEqual(
        answer.interim.map((head) => head.status),
        [103, 102],
      )
      assert.strictEqual(answer.status, 200)
      assert.deepStrictEqual(answeredFields(answer.headers), [
        ["X-Final", "yes"],
        ["Content-Length", "5"],
      ])
      assert.strictEqual(answer.text, "final")
    })

    proves(
      "a compressed body passes byte for byte, and compression is not asked for",
      async ({ ask, origin }) => {
        const body = gzipSync(noise(100_000, "gzip"))
        origin.answer = ({ response }) =>
          answerRaw(
            response,
            200,
            [
              ["Content-Encoding", "gzip"],
              ["Content-Length", `${body.length}`],
            ],
            body,
          )
        const answer = await ask("GET", "/gz")
        assert.strictEqual(answer.header("content-encoding"), "gzip")
        assert.strictEqual(sha(answer.body), sha(body))
        assert.strictEqual(origin.seen[0]?.header("accept-encoding"), undefined)
        assert.strictEqual(origin.seen[0]?.header("user-agent"), undefined)
        assert.strictEqual(origin.seen[0]?.header("accept"), undefined)
      },
    )

    provesOfBytes(
      "a body that ends with the origin's connection arrives whole",
      async ({ connect, line, origin }) => {
        const visitor = await connect()
        await visitor.send(line("GET", "/c"), [host])
        const connection = await origin.connection()
        await connection.readHeadText()
        await connection.write("HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nuntil the end")
        connection.socket.end()
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.text, "until the end")
        assert.strictEqual(answer.header("x-a"), "b")
      },
    )

    provesOfBytes(
      "bytes beyond a promised length never reach the visitor as another answer",
      async ({ connect, line, origin, target }) => {
        const visitor = await connect()
        await visitor.send(line("GET", "/more"), [host])
        const connection = await origin.connection()
        await connection.readHeadText()
        const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        await connection.write(
          `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello${target.isTunnel ? evil : ""}`,
        )
        assert.strictEqual((await visitor.readResponse()).text, "hello")
        await visitor.send(line("GET", "/next"), [host])
        const next = target.isTunnel ? await origin.connection(1) : connection
        await next.readHeadText()
        await next.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
        assert.strictEqual((await visitor.readResponse()).text, "good")
      },
    )
  })

  describe(`HTTP, ${name}: who asks for the body`, () => {
    proves(
      "an origin that refuses before it asks for the body is not sent it",
      async ({ connect, line, origin }) => {
        origin.answer = ({ response }) =>
          answerRaw(
            response,
            401,
            [
              ["Connection", "close"],
              ["Content-Length", "2"],
            ],
            "no",
          )
        const visitor = await connect()
        await visitor.send(line("PUT", "/e"), [
          host,
          ["Expect", "100-continue"],
          ["Content-Length", "5"],
        ])
        const answer = await visitor.readResponse()
        assert.deepStrictEqual(answer.interim, [])
        assert.strictEqual(answer.status, 401)
        assert.strictEqual((await origin.request()).received(), 0)
        assert.strictEqual((await origin.request()).header("expect"), "100-continue")
      },
    )

    proves(
      "an origin that asks for the body gets it, whatever its size and framing",
      async ({ connect, line, origin }) => {
        origin.answer = async (seen) => {
          seen.response.writeContinue()
          await echo(seen)
        }
        for (const size of [5, 100_000]) {
          for (const chunked of [false, true]) {
            const body = noise(size, "expected")
            const visitor = await connect()
            await visitor.send(line("PUT", "/e"), [
              host,
              ["Expect", "100-continue"],
              chunked ? ["Transfer-Encoding", "chunked"] : ["Content-Length", `${size}`],
            ])
            assert.strictEqual((await visitor.readHead()).status, 100)
            await visitor.write(
              chunked ? Buffer.concat([chunkOf(body), Buffer.from(lastChunk())]) : body,
            )
            const answer = await visitor.readResponse()
            assert.strictEqual(answer.status, 200)
            assert.strictEqual(sha(answer.body), sha(body))
          }
        }
      },
    )

    provesOfBytes(
      "an origin that does not know of Expect still gets the body of a visitor who does not wait",
      async ({ connect, line, origin }) => {
        const visitor = await connect()
        await visitor.send(
          line("PUT", "/e"),
          [host, ["Expect", "100-continue"], ["Content-Length", "5"]],
          "hello",
        )
        const connection = await origin.connection()
        await connection.readHeadText()
        assert.strictEqual((await connection.readBytes(5)).toString(), "hello")
        await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        assert.strictEqual((await visitor.readResponse()).text, "done")
      },
    )

    proves(
      "an answer that comes while the upload runs arrives whole",
      async ({ connect, line, origin, target }) => {
        const body = noise(200_000, "answer")
        origin.answer = ({ request, response }) => {
          request.once("data", () => {
            answerRaw(response, 413, [["Content-Length", `${body.length}`]], body)
          })
        }
        const visitor = await connect()
        const size = 256 * 1024 * 1024
        await visitor.send(line("PUT", "/early"), [host, ["Content-Length", `${size}`]])
        let left = size
        const piece = Buffer.alloc(64 * 1024)
        const upload = (): void => {
          while (left > 0 && !visitor.socket.destroyed && visitor.socket.writable) {
            left -= piece.length
            if (!visitor.socket.write(piece)) {
              visitor.socket.once("drain", upload)
              return
            }
          }
        }
        upload()
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.status, 413)
        assert.strictEqual(sha(answer.body), sha(body))
        if (!target.isTunnel) return
        assert.strictEqual(answer.header("connection"), "close")
        await visitor.readRest()
        assert.isAbove(left, 0)
      },
    )
  })

  describe(`HTTP, ${name}: connections`, () => {
    proves(
      "HTTP/1.0: a known length, then the end of the connection",
      async ({ connect, line, origin }) => {
        origin.answer = ({ response }) => answerRaw(response, 200, [["Content-Length", "2"]], "ok")
        const visitor = await connect()
        await visitor.send(line("GET", "/", "1.0"))
        const answer = await visitor.readResponse()
        assert.strictEqual(answer.text, "ok")
        assert.deepStrictEqual(await visitor.readRest(), { bytes: Buffer.alloc(0), how: "end" })
      },
    )

    proves(
      "HTTP/1.0 with keep-alive: the connection takes another request",
      async ({ connect, line, origin }) => {
        origin.answer = ({ response }) => answerRaw(response, 200, [["Content-Length", "2"]], "ok")
        const visitor = await connect()
        for (let n = 0; n < 3; n++) {
          await visitor.send(line("GET", "/", "1.0"), [["Connection", "keep-alive"]])
          const answer = await visitor.readResponse()
          assert.strictEqual(answer.text, "ok")
          assert.strictEqual(answer.header("connection")?.toLowerCase(), "keep-alive")
        }
      },
    )

    proves(
      "HTTP/1.0: a body of unknown length ends with the connection, without chunks or trailers",
      async ({ connect, line, origin }) => {
        origin.answer = ({ response }) => {
          response.writeHead(200)
          response.write("part one, ")
          response.end("part two")
        }
        for (const fields of [[], [["Connection", "keep-alive"]]] as ReadonlyArray<HeaderList>) {
          const visitor = await connect()
          await visitor.send(line("GET", "/", "1.0"), fields)
          const answer = await visitor.readResponse()
          assert.strictEqual(answer.framing, "close")
          assert.strictEqual(answer.text, "part one, part two")
        }
      },
    )

    provesOfBytes(
      "HTTP/1.0: half a body of unknown length ends with a reset",
      async ({ connect, line, origin, target }) => {
        const visitor = await connect()
        await visitor.send(line("GET", "/", "1.0"))
        const connection = await origin.connection()
        await connection.readHeadText()
        await connection.write(
          target.isTunnel
            ? "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
            : "HTTP/1.0 200 OK\r\n\r\nhalf",
        )
        const head = await visitor.readHead()
        assert.strictEqual((await visitor.readBytes(4)).toString(), "half")
        connection.reset()
        const error = await broken(visitor.readBodyOf(head))
        assert.strictEqual(error.how, "reset")
      },
    )

    proves(
      "50 requests go over one connection, each with its own answer",
      async ({ connect, line, origin }) => {
        origin.answer = echo
        const visitor = await connect()
        for (let n = 0; n < 50; n++) {
          const body = `request ${n}`
          await visitor.send(line("POST", "/k"), [host, ["Content-Length", `${body.length}`]], body)
          assert.strictEqual((await visitor.readResponse()).text, body)
        }
      },
    )

    proves(
      "pipelined requests are answered in order, also when the origin answers in another",
      async ({ connect, line, origin }) => {
        const waiting: Array<() => void> = []
        origin.answer = ({ response, target }) => {
          waiting.push(() => response.end(`answer to ${target}`))
          if (waiting.length === 5) for (const answer of waiting.reverse()) answer()
        }
        const visitor = await connect()
        const requests = [1, 2, 3, 4, 5].map(
          (n) => `${line("GET", `/${n}`)}\r\nHost: app.test\r\n\r\n`,
        )
        await visitor.write(requests.join(""))
        for (let n = 1; n <= 5; n++)
          assert.strictEqual((await visitor.readResponse()).text, `answer to /${n}`)
      },
    )

    proves(
      "a visitor who leaves with pipelined requests open leaves all of them",
      async ({ connect, line, origin }) => {
        origin.answer = () => {}
        const visitor = await connect()
        const requests = [1, 2, 3].map((n) => `${line("GET", `/${n}`)}\r\nHost: app.test\r\n\r\n`)
        await visitor.write(requests.join(""))
        const seen = [await origin.request(0), await origin.request(1), await origin.request(2)]
        visitor.reset()
        await Promise.all(seen.map((one) => one.gone()))
      },
    )

    proves(
      "a request after an error works, on the same connection",
      async ({ connect, line, origin, target }) => {
        origin.answer = ({ request, response, target: path }) => {
          if (path === "/dies") request.socket.resetAndDestroy()
          else response.end("fine")
        }
        let visitor = await connect()
        for (let n = 0; n < 3; n++) {
          await visitor.send(line("GET", "/dies"), [host])
          if (target.isTunnel) {
            assert.strictEqual((await visitor.readResponse()).status, 502)
          } else {
            await broken(visitor.readResponse())
            visitor = await connect()
          }
          await visitor.send(line("GET", "/lives"), [host])
          assert.strictEqual((await visitor.readResponse()).text, "fine")
        }
      },
    )

    proves(
      "100 requests at once of all sorts each get their own answer",
      async ({ connect, line, origin }) => {
        origin.answer = async ({ body, header, response }) => {
          const bytes = await body()
          const nonce = header("x-nonce") ?? ""
          const answer = Buffer.concat([bytes, Buffer.from(nonce)])
          const fields: HeaderList = [
            ["X-Nonce", nonce],
            ["X-Sum", sha(bytes)],
          ]
          const known = Number(nonce.split("-")[0]) % 2 === 0
          answerRaw(
            response,
            200,
            known ? [...fields, ["Content-Length", `${answer.length}`]] : fields,
            answer,
          )
        }
        const one = async (n: number): Promise<void> => {
          const nonce = `${n}-${randomBytes(16).toString("hex")}`
          const body = n % 3 === 0 ? Buffer.alloc(0) : randomBytes((n * 7919) % 120_000)
          const method = n % 3 === 0 ? "GET" : n % 3 === 1 ? "POST" : "PUT"
          const framing: HeaderList =
            body.length === 0
              ? []
              : [
                  n % 2 === 0
                    ? ["Transfer-Encoding", "chunked"]
                    : ["Content-Length", `${body.length}`],
                ]
          const bytes =
            n % 2 === 0 && body.length > 0
              ? Buffer.concat([chunkOf(body), Buffer.from(lastChunk())])
              : body
          const visitor = await connect()
          await visitor.send(
            line(method, `/mixed?${n}`),
            [host, ["X-Nonce", nonce], ...framing],
            bytes,
          )
          const answer = await visitor.readResponse()
          assert.strictEqual(answer.status, 200)
          assert.strictEqual(answer.header("x-nonce"), nonce)
          assert.strictEqual(answer.header("x-sum"), sha(body))
          assert.isTrue(answer.body.equals(Buffer.concat([body, Buffer.from(nonce)])))
          visitor.socket.destroy()
        }
        await Promise.all(Array.from({ length: 100 }, (_, n) => one(n)))
        assert.strictEqual(origin.seen.length, 100)
      },
    )
  })

  describe(`HTTP, ${name}: bodies that take their time, or break`, () => {
    proves("events arrive one by one, as they are sent", async ({ connect, line, origin }) => {
      let acknowledge: (n: number) => void = () => {}
      const acknowledged = (n: number): Promise<void> =>
        new Promise((resolve) => {
          acknowledge = (acked) => {
            if (acked === n) resolve()
          }
        })
      origin.answer = async ({ response }) => {
        response.writeHead(200, {
          "Content-Type": "text/event-stream",
          "Cache-Control": "no-store",
        })
        response.flushHeaders()
        await acknowledged(-1)
        for (let n = 0; n < 20; n++) {
          const ack = acknowledged(n)
          response.write(`id: ${n}\ndata: event ${n}\n\n`)
          await ack
        }
        response.end()
      }
      const visitor = await connect()
      await visitor.send(line("GET", "/events"), [host, ["Accept", "text/event-stream"]])
      const head = await visitor.readHead()
      assert.strictEqual(head.header("content-type"), "text/event-stream")
      acknowledge(-1)
      for (let n = 0; n < 20; n++) {
        assert.strictEqual((await visitor.readChunk()).toString(), `id: ${n}\ndata: event ${n}\n\n`)
        acknowledge(n)
      }
      assert.strictEqual((await visitor.readChunk()).length, 0)
    })

    proves(
      "a slow reader slows the origin down: of 64 MiB next to nothing is held in memory",
      async ({ connect, line, origin, target }) => {
        const total = 64 * 1024 * 1024
        const piece = noise(64 * 1024, "slow")
        let written = 0
        let isPaused = false
        origin.answer = ({ response }) => {
          response.writeHead(200, { "Content-Length": total })
          const pump = (): void => {
            isPaused = false
            while (written < total && !isPaused) {
              written += piece.length
              isPaused = !response.write(piece)
            }
            if (written === total) response.end()
          }
          response.on("drain", pump)
          pump()
        }
        const visitor = await connect()
        await visitor.send(line("GET", "/slow"), [host])
        await visitor.readHead()
        await untilStill(() => written)
        assert.isTrue(isPaused)
        assert.isBelow(heldBySockets(), mostHeld)
        let read = 0
        let most = written
        while (read < total) {
          const bytes = await visitor.readSome()
          assert.isAbove(bytes.length, 0)
          read += bytes.length
          most = Math.max(most, written - read)
        }
        assert.strictEqual(read, total)
        assert.isBelow(most, mostUnderWay(target))
      },
    )

    proves(
      "a slow origin slows the upload down: of 64 MiB next to nothing is held in memory",
      async ({ connect, line, origin, target }) => {
        const total = 64 * 1024 * 1024
        const piece = noise(64 * 1024, "slow")
        origin.answer = () => {}
        const visitor = await connect()
        await visitor.send(line("PUT", "/slow"), [host, ["Content-Length", `${total}`]])
        let handed = 0
        const pump = (): void => {
          while (handed < total) {
            handed += piece.length
            if (!visitor.socket.write(piece)) {
              visitor.socket.once("drain", pump)
              return
            }
          }
        }
        pump()
        const { request, response } = await origin.request()
        await untilStill(() => visitor.socket.bytesWritten - visitor.socket.writableLength)
        assert.isBelow(
          visitor.socket.bytesWritten - visitor.socket.writableLength,
          mostUnderWay(target),
        )
        assert.isBelow(heldBySockets(), mostHeld)
        let read = 0
        request.on("data", (bytes: Buffer) => {
          read += bytes.length
        })
        request.on("end", () => response.end(`${read}`))
        assert.strictEqual((await visitor.readResponse()).text, `${total}`)
      },
    )

    proves(
      "a visitor who leaves in the middle of a download leaves the origin too",
      async ({ connect, line, origin }) => {
        for (const length of [undefined, 10_000_000]) {
          origin.answer = ({ response }) => {
            response.writeHead(200, length === undefined ? {} : { "Content-Length": length })
            response.write("some of it")
          }
          const visitor = await connect()
          await visitor.send(line("GET", "/d"), [host])
          await visitor.readHead()
          await visitor.readSome()
          const seen = origin.seen.at(-1) as Seen
          visitor.socket.destroy()
          await seen.left()
        }
      },
    )

    proves(
      "a visitor who leaves before the answer leaves the origin too",
      async ({ connect, line, origin }) => {
        origin.answer = () => {}
        const visitor = await connect()
        await visitor.send(line("GET", "/d"), [host])
        const seen = await origin.request()
        visitor.socket.destroy()
        await seen.gone()
      },
    )

    proves(
      "an upload that breaks off breaks off at the origin and never ends cleanly",
      async ({ connect, line, origin }) => {
        const framings: ReadonlyArray<HeaderList[number]> = [
          ["Content-Length", "1000000"],
          ["Content-Length", "1000"],
          ["Transfer-Encoding", "chunked"],
        ]
        for (const framing of framings) {
          for (const leave of ["end", "reset"] as const) {
            origin.seen.length = 0
            origin.answer = ({ request }) => {
              request.resume()
            }
            const visitor = await connect()
            await visitor.send(line("PUT", "/u"), [host, framing], chunkOf("a part of it"))
            // A small body travels as a whole: what breaks off before never sets out.
            if (framing[1] !== "1000") await origin.request()
            if (leave === "end") visitor.socket.end()
            else visitor.reset()
            if (framing[1] !== "1000") {
              const seen = await origin.request()
              await seen.aborted()
              assert.isFalse(seen.request.complete)
            } else {
              await visitor.readRest()
              assert.isFalse(origin.seen.some((seen) => seen.request.complete))
            }
          }
        }
      },
    )

    proves("half a body is never passed on as a whole one", async ({ connect, line, origin }) => {
      let kill: () => void = () => {}
      for (const length of [1000, undefined]) {
        for (const how of ["end", "reset"] as const) {
          origin.answer = ({ request, response }) => {
            response.writeHead(200, length === undefined ? {} : { "Content-Length": length })
            response.write("half")
            kill = () =>
              how === "end" ? request.socket.destroy() : request.socket.resetAndDestroy()
          }
          const visitor = await connect()
          await visitor.send(line("GET", "/half"), [host])
          const head: RawHead = await visitor.readHead()
          assert.strictEqual(
            head.header("content-length"),
            length === undefined ? undefined : "1000",
          )
          const part =
            length === undefined
              ? await visitor.readChunk()
              : await visitor.readBytes("half".length)
          assert.strictEqual(part.toString(), "half")
          kill()
          const error = await broken(visitor.readBodyOf(head))
          assert.strictEqual(error.received, 0)
        }
      }
    })
  })
}

/** The kernel's buffers of one connection, both ends, in bytes, and what Node adds. */
const mostUnderWay = (target: Target): number => (target.isTunnel ? 3 : 1) * 8 * 1024 * 1024

const mostHeld = 1024 * 1024

/** Bytes that the sockets of this process hold in their own buffers, above the kernel's. */
const heldBySockets = (): number => {
  const handles = (
    process as unknown as { _getActiveHandles(): ReadonlyArray<unknown> }
  )._getActiveHandles()
  let held = 0
  for (const handle of handles) {
    if (handle instanceof net.Socket) held += handle.readableLength + handle.writableLength
  }
  return held
}

/** Waits until a figure has not changed for many turns of the event loop. */
const untilStill = async (figure: () => number): Promise<void> => {
  let last = figure()
  for (let still = 0; still < 2_000; still++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (figure() !== last) still = 0
    last = figure()
  }
}
