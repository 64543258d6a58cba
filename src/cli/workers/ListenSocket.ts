/**
 * The listening socket that all workers share. The supervisor binds it, or got
 * it from systemd, and never accepts a connection itself; workers inherit its
 * descriptor. It stays open while workers come and go, so that connections
 * wait in its queue instead of being refused.
 */
import { lookup } from "node:dns/promises"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { entry } from "../../domain/ErrorRegistry.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { type BindError, bindError, isWithoutIpv6 } from "../../transport/front/NodeFront.ts"

/** The first version of Node with `net.BoundSocket`. */
const neededNode = "24.19"

/** This version of Node cannot bind a socket without accepting connections on it. */
export class NodeTooOldError extends Error {
  readonly code = "PTTH_NODE_TOO_OLD"
  constructor() {
    super(
      `PTTH_NODE_TOO_OLD: Node ${process.versions.node}: more than one worker needs Node ${neededNode}, or a socket that is open already (listen = "fd:3"). ${entry("PTTH_NODE_TOO_OLD").remedy}`,
    )
  }
}

const bind = (
  host: string,
  { port }: ListenAddress.ListenAddress,
): Effect.Effect<net.BoundSocket, { readonly error: BindError; readonly isWithoutIpv6: boolean }> =>
  Effect.try({
    try: () => new net.BoundSocket({ host, port }),
    catch: (error) => ({
      error: bindError(ListenAddress.format({ host, port }), error as NodeJS.ErrnoException),
      isWithoutIpv6: isWithoutIpv6(error as NodeJS.ErrnoException),
    }),
  })

/** A socket for workers to listen on. */
export interface ListenSocket {
  readonly descriptor: number
  /** Closes it in this process; a socket that was passed to this process stays open. */
  readonly close: () => void
}

/** Opens the socket; closed with the Scope at the latest. */
export const open = Effect.fn("ListenSocket.open")(function* (
  address: ListenAddress.ListenAddress,
): Effect.fn.Return<ListenSocket, BindError | NodeTooOldError, Scope.Scope> {
  if (address.fd !== undefined) return { descriptor: address.fd, close: () => {} }
  if (net.BoundSocket === undefined) return yield* Effect.fail(new NodeTooOldError())
  const host = yield* resolve(address)
  const bound = bind(host, address).pipe(
    Effect.catchIf(
      ({ isWithoutIpv6 }) => isWithoutIpv6 && host === ListenAddress.everywhere,
      () => bind(ListenAddress.everywhereIpv4, address),
    ),
    Effect.mapError(({ error }) => error),
  )
  return yield* Effect.acquireRelease(Effect.map(bound, closing), ({ close }) => Effect.sync(close))
})

const closing = (socket: net.BoundSocket): ListenSocket => {
  let isClosed = false
  return {
    descriptor: socket.fd(),
    close: () => {
      if (!isClosed) socket.close()
      isClosed = true
    },
  }
}

/** The IP address of a host, the first one as for any listener. */
const resolve = (address: ListenAddress.ListenAddress): Effect.Effect<string, BindError> =>
  net.isIP(address.host) !== 0
    ? Effect.succeed(address.host)
    : Effect.tryPromise({
        try: async () => (await lookup(address.host)).address,
        catch: (error) => bindError(ListenAddress.format(address), error as NodeJS.ErrnoException),
      })
