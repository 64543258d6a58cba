/**
 * The handler of `--to`: forwards requests to one fixed HTTP origin. The address
 * of a connection is never taken from a request, so neither a path nor a Host nor
 * a redirect leads to another host.
 */
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls"
import { first, type HeaderList, isName } from "../../domain/HeaderList.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import * as HeadText from "../../protocol/http/HeadText.ts"
import * as HopByHop from "../../protocol/http/HopByHop.ts"
import type { OriginResponse } from "../../protocol/http/OriginResponse.ts"
import { isSafe } from "../../protocol/http/SafeMethod.ts"
import { CheckedRequest, isTarget, type RequestHead } from "../../protocol/Message.ts"
import { type Body, promise } from "../../transport/body/Body.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import { commit, refuse } from "../../transport/body/Replies.ts"
import { placeOf } from "../../transport/client/HappyEyeballs.ts"
import { speaksTls } from "../../transport/net/TlsProbe.ts"
import { ForwardingLoop } from "./ForwardingLoop.ts"
import { OriginClient } from "./OriginClient.ts"
import type { Content } from "./OriginRequest.ts"
import { isRepeatable } from "./RepeatableMethods.ts"
import * as UpstreamAddress from "./UpstreamAddress.ts"
import * as UpstreamFailure from "./UpstreamFailure.ts"
import * as UpstreamFields from "./UpstreamFields.ts"

/** The origin, the path that is put before each target, and which Host it gets. */
export interface UpstreamOptions extends UpstreamAddress.UpstreamAddressOptions {
  /** Called for a response that broke off, which its visitor sees as a broken connection. */
  readonly onCut?: (error: ExchangeError) => void
  /** The path of a unix socket on which the application listens; then host and port of the origin are not used. */
  readonly socketPath?: string | undefined
  /** PEM certificates to trust besides Node's own, for an https origin. */
  readonly ca?: string | undefined
  /** Whether any certificate of an https origin is accepted; `false` by default. */
  readonly insecure?: boolean | undefined
}

/** A handler with a pool of connections. */
export interface Upstream {
  readonly handler: Handler
  /** Closes the idle connections, and keeps none any more. */
  readonly close: () => void
}

/** After how many resets, without any response before, the application is asked whether it speaks TLS. */
const resetsBeforeProbe = 2

/** A context that trusts certificates besides Node's own; made once, since it takes milliseconds. */
const trusting = (ca: string | undefined): SecureContext | undefined =>
  ca === undefined ? undefined : createSecureContext({ ca: [...getCACertificates("default"), ca] })

/**
 * Finds out whether an application that is asked without TLS expects it: one that
 * resets connections and has never responded is asked once.
 */
class TlsSuspicion {
  private readonly origin: URL
  private resets = 0
  private isTls = false
  private stopProbe: (() => void) | undefined

  constructor(origin: URL) {
    this.origin = origin
  }

  /** Counts a reset; whether the application is known to expect TLS. */
  reset(): boolean {
    this.resets += 1
    if (this.resets === resetsBeforeProbe)
      this.stopProbe = speaksTls(placeOf(this.origin), (result) => {
        this.isTls = result
      })
    return this.isTls
  }

  close(): void {
    this.stopProbe?.()
  }
}

/** Makes the handler. */
export const make = (options: UpstreamOptions): Upstream => {
  const { hostHeader, origin, socketPath } = options
  const authority = socketPath === undefined ? origin.host : `unix:${socketPath}`
  const isSecure = origin.protocol === "https:"
  const client = new OriginClient({
    ...placeOf(origin),
    isSecure,
    socketPath,
    secureContext: isSecure ? trusting(options.ca) : undefined,
    isUnverified: options.insecure,
  })
  const loop = new ForwardingLoop()
  const suspicion = new TlsSuspicion(origin)
  /** Whether it may be that the application expects TLS. */
  let isInDoubt = !isSecure && socketPath === undefined
  const failureOf = (error: NodeJS.ErrnoException): ExchangeError =>
    isInDoubt && UpstreamFailure.mayNeedTls(error) && suspicion.reset()
      ? UpstreamFailure.ofTls(authority)
      : UpstreamFailure.make(authority, error)
  return {
    close: () => {
      suspicion.close()
      client.close()
    },
    handler: UpstreamAddress.mapped(options, (head, body, reply) => {
      if (loop.has(head.headers)) return refuse(body, reply, looped)
      const host = hostHeader ?? first(head.headers, "host") ?? origin.host
      const protocol = HopByHop.upgradeOf(head.headers)
      const length = protocol === undefined ? body.length : (body.content?.length ?? 0)
      const framing = { length, protocol }
      const fields = UpstreamFields.ofRequest(head, host, framing, loop.field)
      if (!isWritable(head, fields)) return refuse(body, reply, unwritable)
      return client.send({
        method: head.method,
        head: HeadText.request(head.method, head.target, fields),
        content: contentOf(head, body, protocol),
        repeatable: isRepeatable(head.method),
        commit: isSafe(head.method) ? undefined : (go) => commit(reply, go),
        informed: ({ headers, status }) =>
          reply.inform?.({ status, headers: HopByHop.strip(headers) }),
        answered: (response, body) => {
          isInDoubt = false
          const { status } = response
          const headers =
            status === 101
              ? switched(response, protocol)
              : HopByHop.stripResponse(status, response.headers)
          reply.respond({ status, headers }, body)
        },
        failed: (error) => reply.fail(failureOf(error)),
        cut: () => options.onCut?.(UpstreamFailure.cut(authority)),
      })
    }),
  }
}

/** Whether a request has nothing in it that could begin a field or a request of its own. */
const isWritable = (head: RequestHead, fields: HeaderList): boolean => {
  if (head.method === "CONNECT") return false
  // What is added to the fields of such a head is legal.
  if (head instanceof CheckedRequest) return true
  return isName(head.method) && isTarget(head.target) && fields.every(HeadText.isWritable)
}

const looped = new ExchangeError({
  code: "PTTH_LOOP",
  detail: "the request came back to the server that had forwarded it",
})

const unwritable = new ExchangeError({
  code: "PTTH_BAD_REQUEST",
  detail: "the method, the target or a field cannot be forwarded",
})

const noBytes = new Uint8Array(0)

const contentOf = (head: RequestHead, body: Body, protocol: string | undefined): Content => {
  if (protocol !== undefined) return { _tag: "Upgrade", bytes: body.content ?? noBytes, body }
  const { length, whole } = body
  if (whole !== undefined) return { _tag: "Whole", bytes: whole }
  return {
    _tag: "Streamed",
    // What is longer than its length would be read as a request.
    body: length === undefined ? body : promise(body, length),
    isChunked: length === undefined,
    expectsContinue: first(head.headers, "expect")?.toLowerCase() === "100-continue",
  }
}

/** The fields of status 101, with the protocol that the connection now has. */
const switched = ({ headers }: OriginResponse, protocol = ""): HeaderList => [
  ...HopByHop.strip(headers),
  ["Upgrade", first(headers, "upgrade") ?? protocol],
]
