/**
 * Connections between relays over unix sockets, for the workers of one machine,
 * and over TCP with TLS 1.3 and a pre-shared key, between machines. Whoever does
 * not have the key is refused in the handshake.
 */
import { constants, hkdfSync } from "node:crypto"
import * as net from "node:net"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import { listenPrivately } from "../../transport/net/PrivateSocket.ts"
import { ReadBuffer } from "../../transport/net/ReadBuffer.ts"
import type { ClusterKeys } from "../ClusterKey.ts"
import { type AcceptedPeer, type PeerNetwork, PeerNetworkError } from "./PeerNetwork.ts"

/** How long a connection and its handshake may take, in milliseconds. */
const connectMillis = 3_000

/** The most connections of other machines at once, those in their handshake included. */
const maxConnections = 4_096

/** The only suite with the hash that pre-shared keys have (RFC 8446 4.2.11). */
const tlsOptions = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256",
} as const

/** Where an address is: the path of a unix socket, or host and port. */
type Place =
  | { readonly path: string }
  | { readonly host: string; readonly port: number }
  | undefined

const placeOf = (at: string): Place => {
  if (at.startsWith("unix:")) return { path: at.slice(5) }
  const address = at.startsWith("tcp:") ? ListenAddress.parse(at.slice(4)) : undefined
  return address === undefined || address.fd !== undefined
    ? undefined
    : { host: address.host, port: address.port }
}

/** What is derived from one of the cluster's keys. */
export interface PeerKey {
  /** By which the other end finds the key; it does not tell what the key is. */
  readonly identity: string
  /** The pre-shared key of TLS (RFC 8446 2.2), 32 bytes. */
  readonly secret: Buffer
}

const derive = (text: string, purpose: string, bytes: number): Buffer =>
  Buffer.from(hkdfSync("sha256", text, "", `ptth cluster ${purpose}`, bytes))

/** What two relays show each other in place of a key. */
export const peerKeyOf = (key: Redacted.Redacted<string>): PeerKey => {
  const text = Redacted.value(key)
  return { identity: derive(text, "identity", 8).toString("hex"), secret: derive(text, "psk", 32) }
}

/** Derives keys from what `current` returns, again only when that has changed. */
const derivedKeys = (current: () => ClusterKeys | undefined): (() => ReadonlyArray<PeerKey>) => {
  let derivedFrom: ClusterKeys | undefined
  let keys: ReadonlyArray<PeerKey> = []
  return () => {
    const clusterKeys = current()
    if (clusterKeys === derivedFrom) return keys
    derivedFrom = clusterKeys
    keys = (clusterKeys ?? []).map(peerKeyOf)
    return keys
  }
}

const failure = (at: string, detail: string) => new PeerNetworkError({ at, detail })

/** Begins a connection; with TLS to another machine, without it to another worker. */
const open = (at: string, key: PeerKey | undefined): net.Socket | PeerNetworkError => {
  const place = placeOf(at)
  if (place === undefined) return failure(at, "it is no address")
  const reads = new ReadBuffer()
  if ("path" in place) return reads.attached(net.connect({ ...place, onread: reads.onread }))
  if (key === undefined) return failure(at, "there is no `key_file`")
  // Node's types lack `onread` here, its documentation does not.
  const options: tls.ConnectionOptions & { readonly onread: net.OnReadOpts } = {
    ...place,
    ...tlsOptions,
    onread: reads.onread,
    pskCallback: () => ({ psk: key.secret, identity: key.identity }),
    // Only the key proves who it is. Otherwise TLS would accept anybody's certificate instead.
    ca: [],
    rejectUnauthorized: true,
    checkServerIdentity: (_host, { raw }) =>
      raw === undefined
        ? undefined
        : new Error("it has a certificate instead of the cluster's key"),
  }
  return reads.attached(tls.connect(options))
}

/** Connects to a relay, with the key if it is on another machine. */
const connect = (
  at: string,
  key: PeerKey | undefined,
  done: Parameters<PeerNetwork["connect"]>[1],
): (() => void) => {
  const socket = open(at, key)
  if ("detail" in socket) {
    const soon = setImmediate(() => done(socket))
    return () => clearImmediate(soon)
  }
  let isDone = false
  const finish = (result: Duplex | PeerNetworkError): void => {
    if (isDone) return
    isDone = true
    socket.setTimeout(0)
    socket.off("timeout", onTimeout)
    if (result !== socket) socket.destroy()
    done(result)
  }
  const onTimeout = (): void => finish(failure(at, "it does not answer"))
  socket.setTimeout(connectMillis, onTimeout)
  socket.once(socket instanceof tls.TLSSocket ? "secureConnect" : "connect", () => finish(socket))
  socket.once("error", (error: NodeJS.ErrnoException) => finish(failure(at, refusalOf(error))))
  socket.once("close", () => finish(failure(at, "it closed the connection")))
  socket.on("error", () => {})
  return () => {
    isDone = true
    socket.destroy()
  }
}

type Keys = () => ReadonlyArray<PeerKey>

/** The listener for an address, which does not listen yet. */
const serverFor = (at: string, keys: Keys, accept: (peer: AcceptedPeer) => void): net.Server => {
  const onSocket = (socket: net.Socket): void => {
    socket.on("error", () => {})
    accept({ socket, host: socket.remoteAddress ?? "" })
  }
  if (at.startsWith("unix:")) return net.createServer(onSocket)
  const server = tls.createServer(
    {
      ...tlsOptions,
      handshakeTimeout: connectMillis,
      // A session that is resumed with a ticket would outlast the key with which it began.
      secureOptions: constants.SSL_OP_NO_TICKET,
      pskCallback: (_socket, identity) => {
        const key = keys().find((one) => one.identity === identity)
        return key?.secret ?? null
      },
    },
    onSocket,
  )
  server.maxConnections = maxConnections
  server.on("tlsClientError", (_error, socket) => socket.destroy())
  return server
}

const startServer = (
  at: string,
  keys: Keys,
  accept: (peer: AcceptedPeer) => void,
): Effect.Effect<net.Server, PeerNetworkError> =>
  Effect.callback((resume) => {
    const place = placeOf(at)
    if (place === undefined) return resume(Effect.fail(failure(at, "it is no address")))
    if ("host" in place && keys().length === 0)
      return resume(Effect.fail(failure(at, "there is no `key_file`")))
    const server = serverFor(at, keys, accept)
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(failure(at, reasonOf(error)))),
    )
    const onListening = (): void => {
      server.on("error", () => {})
      resume(Effect.succeed(server))
    }
    if ("path" in place) listenPrivately(server, place.path, onListening)
    else server.listen(place, onListening)
  })

/**
 * The network of a machine; without the cluster's keys there are only unix sockets.
 *
 * @param current the keys in force, asked for each new connection: those that are open stay so when the keys change
 */
export const make = (current: () => ClusterKeys | undefined = () => undefined): PeerNetwork => {
  const keys = derivedKeys(current)
  return {
    connect: (at, done) => connect(at, keys()[0], done),
    listen: (at, accept) =>
      Effect.acquireRelease(startServer(at, keys, accept), (server) =>
        Effect.sync(() => server.close()),
      ).pipe(
        Effect.map((server) => {
          const address = server.address()
          if (address === null || typeof address === "string") return at
          return `tcp:${ListenAddress.format({ host: address.address, port: address.port })}`
        }),
      ),
  }
}

const reasonOf = (error: NodeJS.ErrnoException): string => error.code ?? error.message

/** Why a connection could not be made. */
const refusalOf = (error: NodeJS.ErrnoException): string => {
  const reason = reasonOf(error)
  if (/HANDSHAKE_FAILURE|DECRYPT_ERROR/.test(reason))
    return "it does not accept the key of this machine's `key_file`"
  return /^ERR_SSL_|CERT/.test(reason)
    ? `it is not the address of a relay for peers (${reason})`
    : reason
}
