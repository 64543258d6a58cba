/**
 * One listen (P1) of a classic server: a long poll that the relay
 * answers with requests, with nothing, or with a refusal.
 */
import type { ClientRequest, IncomingMessage } from "node:http"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as Classic1 from "../../protocol/Classic1.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import type { ListenAnswer } from "../../protocol/Message.ts"
import {
  header,
  listenMillis,
  listenPath,
  manyAnswers,
  maxListenAnswer,
  takesInterim,
  version2,
} from "../../protocol/Wire.ts"
import { validityOf } from "../../transport/client/NodeClient.ts"
import type { Deadlines } from "../../transport/runtime/Deadlines.ts"
import type { RunningClock } from "../../transport/runtime/RunningClock.ts"
import * as BackendIdentity from "../uplink/BackendIdentity.ts"
import * as ConnectFault from "../uplink/ConnectFault.ts"
import { ListenError, limited } from "../uplink/ListenError.ts"
import { type Announced, announced } from "../uplink/RelayAddresses.ts"
import * as ResponseFault from "../uplink/ResponseFault.ts"
import * as ClassicFields from "./ClassicFields.ts"

/** The answer to a listen. */
export interface Listened {
  readonly dialect: "classic 1" | "classic 2"
  readonly entries: ListenAnswer
  /** Whether the relay takes several responses in one POST. */
  readonly many: boolean
  /** Whether the relay takes interim responses. */
  readonly takesInterim: boolean
  readonly announced: Announced
  /** How long the relay held the listen, in milliseconds. */
  readonly heldMillis: number
  /** Whether its requests came in time to be begun although they change something. */
  readonly isInTime: () => boolean
}

/** The relay, and which server listens. */
export interface ListenOptions extends BackendIdentity.BackendIdentity {
  readonly deadlines: Deadlines
  readonly clock: RunningClock
  /** Identifiers of requests that have arrived. */
  readonly acks: ReadonlyArray<string>
  /** Why it is classic, shown by the relay. */
  readonly why: string
  /** A listen with a farewell is answered at once, without requests. */
  readonly farewell: Farewell | undefined
}

/** The last message of a process: it takes no more requests (`draining`), or responds to none any more (`gone`). */
export type Farewell = "draining" | "gone"

/** How long an answer may take, in milliseconds: if it takes longer, the network has forgotten the connection. */
const timeoutMillis = listenMillis + 5_000

/** Sends a listen and waits for the answer. Interruption closes the connection. */
export const listen = (options: ListenOptions): Effect.Effect<Listened, ListenError> =>
  Effect.callback((resume) => {
    const { clock, deadlines } = options
    const sentAt = clock.now()
    const path = `${options.basePath}${listenPath}${options.name}`
    // Unlike a timeout of Effect, a deadline needs no fiber, and there is a listen for each request.
    const deadline = deadlines.set(timeoutMillis, () => {
      fail("unreachable", `no answer in ${timeoutMillis / 1000} s`)
      abort()
    })
    const end = (result: Effect.Effect<Listened, ListenError>): void => {
      deadline.clear()
      resume(result)
    }
    const fail = (reason: ListenError["reason"], detail: string): void =>
      end(Effect.fail(new ListenError({ reason, detail })))
    const receive = (response: IncomingMessage, request: ClientRequest): void => {
      const chunks: Array<Buffer> = []
      let size = 0
      response.on("data", (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size <= maxListenAnswer) return
        fail("unexpected", `an answer of more than ${maxListenAnswer} bytes`)
        request.destroy()
      })
      response.on("error", () => {})
      response.on("close", () => {
        if (!response.complete) return fail("unreachable", "the answer was cut short")
        const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
        end(parse(response, { path, proxy: options.client.proxy }, body, { clock, sentAt }))
      })
    }
    const headers = fieldsOf(options)
    const abort = options.client.sendWhole({ method: "GET", path, headers }, noBytes, {
      response: receive,
      failed: (error, request) => end(unconnected(error, request, options.client.proxy)),
    })
    return Effect.sync(() => {
      deadline.clear()
      abort()
    })
  })

const noBytes = new Uint8Array()

const fieldsOf = (options: ListenOptions): HeaderList => {
  const { acks, farewell, why } = options
  const fields = [...ClassicFields.fieldsOf(options), ...BackendIdentity.optionalFields(options)]
  if (why !== "") fields.push(["X-PTTH-Reason", why.replace(/[^\x20-\x7e]/g, "?")])
  if (farewell !== undefined) fields.push(["X-PTTH-Farewell", farewell])
  if (acks.length > 0) fields.push(["X-PTTH-Ack", acks.join(",")])
  return fields
}

/** When a listen was sent, by which clock. */
interface Age {
  readonly clock: RunningClock
  readonly sentAt: number
}

/**
 * Whether requests are new enough (protocol.md, Begin). A relay that does not say
 * how long it held the listen has given up what a process does not acknowledge, so
 * only a process that was paused may have old ones.
 */
const isInTime = ({ headers }: IncomingMessage, { clock, sentAt }: Age): boolean => {
  const within = headers[header.beginWithin]
  if (typeof within !== "string") return !clock.hasStoodStillSince(sentAt)
  return /^\d{1,9}$/.test(within) && clock.now() <= sentAt + Number(within)
}

/** Errors of a parser are no transport that is missing: classic is the last one. */
const unconnected = (
  error: NodeJS.ErrnoException,
  request: ClientRequest,
  proxy: URL | undefined,
): Effect.Effect<never, ListenError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const fault = ConnectFault.ofError(error, validityOf(request), now, proxy)
    return Effect.fail(
      fault.reason === "impossible"
        ? new ListenError({ reason: "unexpected", detail: fault.detail })
        : fault,
    )
  })

const parse = (
  response: IncomingMessage,
  request: Pick<ResponseFault.Refusal, "path" | "proxy">,
  body: Buffer,
  age: Age,
): Effect.Effect<Listened, ListenError> => {
  const status = response.statusCode ?? 0
  const dialect = response.headers[header.version] === version2 ? "classic 2" : "classic 1"
  const addresses = announced(response.headers)
  const hasInterim = response.headers[header.interim] === takesInterim
  const many = response.headers[header.answers] === manyAnswers
  const fail = (reason: ListenError["reason"], detail: string) =>
    Effect.fail(new ListenError({ reason, detail }))
  const common = {
    dialect,
    announced: addresses,
    many,
    takesInterim: hasInterim,
    heldMillis: age.clock.now() - age.sentAt,
    isInTime: () => isInTime(response, age),
  } as const
  if (status === 204) return Effect.succeed({ ...common, entries: [] })
  if (status === 429)
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.fail(limited(response.headers, body.subarray(0, 200).toString("utf8").trim(), now)),
    )
  const unexpected = (): Effect.Effect<never, ListenError> => {
    const text = body.subarray(0, ResponseFault.maxBody).toString("utf8")
    const refusal = { ...request, status, headers: response.headers, body: text }
    return Effect.fail(ResponseFault.orUnexpected(refusal))
  }
  if (status !== 200) return unexpected()
  const entries =
    dialect === "classic 2" ? Classic2.decodeListenAnswer(body) : Classic1.decodeListenAnswer(body)
  if (Result.isSuccess(entries)) return Effect.succeed({ ...common, entries: entries.success })
  // Only relays that say their version are certain to be one.
  return dialect === "classic 2"
    ? fail("unexpected", `its answer cannot be read (${entries.failure.message})`)
    : unexpected()
}
