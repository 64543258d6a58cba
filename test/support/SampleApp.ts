/**
 * An Effect HTTP app that uses everything that requests and responses have, to
 * be served in different ways and asked the same things.
 */
import { Readable } from "node:stream"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerRequests from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { chunksOf } from "./Chunked.ts"

/** The API of the sample. */
export const Api = HttpApi.make("sample").add(
  HttpApiGroup.make("sums").add(
    HttpApiEndpoint.post("sum", "/api/sum/:name", {
      params: { name: Schema.String },
      payload: Schema.Struct({ numbers: Schema.Array(Schema.Finite) }),
      success: Schema.Struct({ name: Schema.String, sum: Schema.Finite }),
    }),
  ),
)

const ApiRoutes = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(
    HttpApiBuilder.group(Api, "sums", (handlers) =>
      handlers.handle("sum", ({ params, payload }) =>
        Effect.succeed({ name: params.name, sum: payload.numbers.reduce((a, b) => a + b, 0) }),
      ),
    ),
  ),
)

/** The bytes of `/stream`. */
export const streamed = Buffer.concat(chunksOf([1, 0, 70_000, 5, 300_000]))

const plain = { contentType: "text/plain" }

/**
 * The routes.
 *
 * @param file the path of a file that `/file` shows
 */
export const routes = (file: string) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      yield* router.add(
        "GET",
        "/text",
        HttpServerResponse.text("hello", { headers: { "x-one": "1" } }),
      )
      yield* router.add("GET", "/json", HttpServerResponse.jsonUnsafe({ a: [1, "é"] }))
      yield* router.add("GET", "/empty", HttpServerResponse.empty())
      yield* router.add("GET", "/reset", HttpServerResponse.text("x", { status: 205 }))
      yield* router.add("GET", "/odd-status", HttpServerResponse.text("odd", { status: 299 }))
      yield* router.add(
        "GET",
        "/not-modified",
        HttpServerResponse.text("x", { status: 304, headers: { etag: '"x"' } }),
      )
      yield* router.add(
        "GET",
        "/redirect",
        HttpServerResponse.redirect("https://elsewhere.example/"),
      )
      yield* router.add(
        "GET",
        "/cookies",
        HttpServerResponse.text("yum", { headers: { "set-cookie": "own=1; HttpOnly" } }).pipe(
          HttpServerResponse.setCookieUnsafe("a", "1", { httpOnly: true }),
          HttpServerResponse.setCookieUnsafe("b", "two words", { secure: true }),
        ),
      )
      yield* router.add("GET", "/bytes", HttpServerResponse.uint8Array(streamed))
      yield* router.add(
        "GET",
        "/stream",
        HttpServerResponse.stream(Stream.fromIterable(chunksOf([1, 0, 70_000, 5, 300_000])), plain),
      )
      yield* router.add(
        "GET",
        "/sized",
        HttpServerResponse.stream(Stream.make(Buffer.from("abc"), Buffer.from("de")), {
          ...plain,
          contentLength: 5,
        }),
      )
      yield* router.add("GET", "/raw-text", HttpServerResponse.raw("raw é", plain))
      yield* router.add(
        "GET",
        "/raw-readable",
        Effect.sync(() =>
          HttpServerResponse.raw(Readable.from([Buffer.from("ab"), Buffer.from("cd")]), plain),
        ),
      )
      yield* router.add("GET", "/file", HttpServerResponse.file(file))
      yield* router.add(
        "GET",
        "/part",
        HttpServerResponse.file(file, { offset: 5, bytesToRead: 7 }),
      )
      yield* router.add("GET", "/no-file", HttpServerResponse.file(`${file}.missing`))
      yield* router.add("GET", "/defect", Effect.die(new Error("a bug")))
      yield* router.add("GET", "/failure", Effect.fail(new Error("a failure")))
      yield* router.add(
        "GET",
        "/bad-header",
        HttpServerResponse.text("x", { headers: { "x-bad": "a\nb" } }),
      )
      yield* router.add("GET", "/bad-status", HttpServerResponse.text("x", { status: 150 }))
      yield* router.add("*", "/echo", (request) =>
        Effect.succeed(HttpServerResponse.stream(request.stream, plain)),
      )
      yield* router.add("POST", "/text", (request) =>
        Effect.map(request.text, (text) => HttpServerResponse.text(`${text.length} ${text}`)),
      )
      yield* router.add("POST", "/twice", (request) =>
        Effect.gen(function* () {
          const [text, buffer] = yield* Effect.all([request.text, request.arrayBuffer])
          return HttpServerResponse.text(`${text} ${buffer.byteLength}`)
        }),
      )
      yield* router.add("POST", "/json", (request) =>
        Effect.map(request.json, (json) => HttpServerResponse.jsonUnsafe({ json })),
      )
      yield* router.add("POST", "/form", (request) =>
        Effect.map(request.urlParamsBody, (params) => HttpServerResponse.jsonUnsafe([...params])),
      )
      yield* router.add("POST", "/multipart", (request) =>
        Effect.map(request.multipart, (parts) =>
          HttpServerResponse.jsonUnsafe(
            Object.entries(parts).map(([name, value]) => [
              name,
              typeof value === "string"
                ? value
                : value.map((part) => (typeof part === "string" ? part : part.name)),
            ]),
          ),
        ),
      )
      yield* router.add("*", "/about/*", (request) =>
        Effect.gen(function* () {
          const query = yield* HttpServerRequests.ParsedSearchParams
          return HttpServerResponse.jsonUnsafe({
            method: request.method,
            url: request.url,
            query,
            cookies: request.cookies,
            many: request.headers["x-many"],
            agent: request.headers["user-agent"],
            path: Option.map(HttpServerRequests.toURL(request), (url) => url.pathname),
          })
        }),
      )
      yield* router.add("GET", "/whoami", (request: HttpServerRequest) =>
        Effect.succeed(
          HttpServerResponse.jsonUnsafe({
            remote: Option.getOrNull(request.remoteAddress),
            peer: Option.getOrNull(request.peerAddress),
            original: request.originalUrl,
            protocol: request.protocol ?? null,
          }),
        ),
      )
      yield* router.add("GET", "/upgrade", (request) =>
        Effect.match(request.upgrade, {
          onSuccess: () => HttpServerResponse.text("changed"),
          onFailure: (error) => HttpServerResponse.text(error._tag),
        }),
      )
    }),
  ).pipe(Layer.merge(ApiRoutes))
