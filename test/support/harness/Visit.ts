/**
 * A visitor's requests, by `node:http`.
 */
import * as http from "node:http"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import * as Headers from "../../../src/domain/HeaderList.ts"
import type { TestRelay } from "./TestRelay.ts"

/** A visit that got no whole answer. */
export class VisitError extends Data.TaggedError("VisitError")<{
  /** Node's code, such as `ECONNRESET`. */
  readonly code: string
  /** The head's status, where one came. */
  readonly status: number | undefined
  /** What of the body came. */
  readonly received: Buffer
}> {}

/** What a visitor asks. */
export interface VisitOptions {
  readonly method?: string
  readonly headers?: HeaderList
  /** Sent with `Content-Length` unless `chunked`. */
  readonly body?: string | Uint8Array
  readonly chunked?: boolean
}

/** A response head as a visitor sees it. */
export interface VisitedHead {
  readonly status: number
  /** As they came: order, repetition and case kept. */
  readonly headers: HeaderList
  /** The first value of a field, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** All values of a field, by its lower-case name. */
  readonly all: (name: string) => ReadonlyArray<string>
}

/** A whole response. */
export interface Visited extends VisitedHead {
  readonly body: Buffer
  readonly text: string
}

/** A visit under way. */
export interface OpenVisit {
  /** Node's own request, to write an upload to. */
  readonly request: http.ClientRequest
  /** The head, once it is there. */
  readonly head: Effect.Effect<VisitedHead, VisitError>
  /** The body, whole; starts the reading. */
  readonly whole: Effect.Effect<Visited, VisitError>
  /** Bytes of the body that have been read. */
  readonly received: () => number
  readonly isAnswered: () => boolean
  /** Leaves: the connection breaks. */
  readonly leave: Effect.Effect<void>
}

const headOf = (message: http.IncomingMessage): VisitedHead => {
  const headers = Headers.fromRaw(message.rawHeaders)
  return {
    status: message.statusCode ?? 0,
    headers,
    header: (name) => Headers.first(headers, name),
    all: (name) => Headers.all(headers, name),
  }
}

/**
 * Starts a visit on a connection of its own. With `upload: true` the request's
 * body is the test's to write and end. The response's body is not read before
 * `whole` is asked for.
 */
export const open = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  options: VisitOptions & { readonly upload?: boolean } = {},
): Effect.Effect<OpenVisit, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => startVisit(relay, path, options)),
    (visit) => visit.leave,
  )

const startVisit = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  options: VisitOptions & { readonly upload?: boolean },
): OpenVisit => {
  const { body, chunked, headers = [], method = "GET", upload } = options
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body
  const framing: HeaderList =
    chunked === true
      ? [["Transfer-Encoding", "chunked"]]
      : bytes === undefined
        ? []
        : [["Content-Length", `${bytes.length}`]]
  const hasHost = Headers.has(headers, "host")
  const request = http.request({
    agent: new http.Agent({ keepAlive: false }),
    host: relay.host,
    port: relay.port,
    method,
    path,
    setDefaultHeaders: false,
    headers: Headers.toRaw([
      ...(hasHost ? [] : ([["Host", `${relay.host}:${relay.port}`]] as const)),
      ["Connection", "close"],
      ...headers,
      ...framing,
    ]),
  })
  const chunks: Array<Buffer> = []
  let received = 0
  let message: http.IncomingMessage | undefined
  const failed = (code: string): VisitError =>
    new VisitError({ code, status: message?.statusCode, received: Buffer.concat(chunks) })
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on("error", (error: NodeJS.ErrnoException) =>
      reject(failed(error.code ?? error.message)),
    )
    request.on("response", (given) => {
      message = given
      given.pause()
      resolve(given)
    })
  })
  response.catch(() => {})
  let whole: Promise<Visited> | undefined
  const readWholeOf = async (): Promise<Visited> => {
    const given = await response
    return new Promise((resolve, reject) => {
      let code = "ECONNRESET"
      given.on("data", (chunk: Buffer) => {
        received += chunk.length
        chunks.push(chunk)
      })
      given.on("error", (error: NodeJS.ErrnoException) => {
        code = error.code ?? error.message
      })
      given.on("close", () => {
        if (!given.complete) return reject(failed(code))
        const all = Buffer.concat(chunks)
        resolve({ ...headOf(given), body: all, text: all.toString("utf8") })
      })
      if (given.destroyed) reject(failed(code))
      given.resume()
    })
  }
  if (bytes !== undefined) request.write(bytes)
  if (upload === true) request.flushHeaders()
  else request.end()
  return {
    request,
    head: Effect.tryPromise({ try: () => response.then(headOf), catch: asVisitError }),
    whole: Effect.tryPromise({
      try: () => {
        whole ??= readWholeOf()
        return whole
      },
      catch: asVisitError,
    }),
    received: () => received,
    isAnswered: () => message !== undefined,
    leave: Effect.sync(() => request.destroy()),
  }
}

const asVisitError = (error: unknown): VisitError =>
  error instanceof VisitError
    ? error
    : new VisitError({ code: `${error}`, status: undefined, received: Buffer.alloc(0) })

/** Visits and reads the whole response. */
export const visit = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  options: VisitOptions = {},
): Effect.Effect<Visited, VisitError> =>
  Effect.scoped(Effect.flatMap(open(relay, path, options), (opened) => opened.whole))

/** Visits with GET and reads the whole response. */
export const get = (
  relay: Pick<TestRelay, "host" | "port">,
  path: string,
  headers: HeaderList = [],
): Effect.Effect<Visited, VisitError> => visit(relay, path, { headers })
