/**
 * The options of a server, for the command and for the library.
 */
import type * as Effect from "effect/Effect"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { TransportChoice } from "../../domain/config/ServerConfig.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Handler } from "../../transport/body/Handler.ts"
import type { TlsHosts } from "../../transport/net/TlsHandshake.ts"
import type { RelayFaultCode } from "./ListenError.ts"
import type { SharedNames } from "./SharedNames.ts"
import type { UplinkState } from "./UplinkState.ts"
import type { UplinkStatus } from "./UplinkStatus.ts"

/** How a server connects to its relay, and what it serves. */
export interface ServerOptions {
  readonly name: ServerName
  readonly apiKey: ApiKey
  /** A ticket of the relay's administrator, by which the key is registered if it is not. */
  readonly ticket?: string | undefined
  /** The relay's address without the prefix of its backend API. */
  readonly relayUrl: string
  readonly handler: Handler
  /** Further names that are served on the same links of stream. */
  readonly shared?: SharedNames | undefined
  /** With certificates, the server takes visitors' connections that the relay passes on unread, and ends their TLS. */
  readonly tls?: TlsHosts
  /** Limits each response body to 1 MiB/s. */
  readonly throttle?: boolean
  /** PEM certificates to trust besides Node's own. */
  readonly ca?: string
  /** Whether the proxies of the environment are used; `true` by default. */
  readonly proxies?: boolean
  /** How long running exchanges may go on once the Scope is closed, in milliseconds; 30 s by default. */
  readonly graceMillis?: number
  /** How long the relay waits for the head of a response, in milliseconds, if it lets the server choose; by default what the relay has. */
  readonly responseMillis?: number
  /** The transport; `auto` by default. */
  readonly transport?: TransportChoice
  /** How many stream links are kept; by default 2, or as many as several relays ask for. */
  readonly connections?: number
  /** How long a stream link may be silent before a ping, and again before it is closed, in milliseconds; 15 s by default. */
  readonly heartbeatMillis?: number
  /** Program and version, shown by the relay, such as `ptth/0.1.0`; visible ASCII. */
  readonly program?: string
  /** Called at the start with a function that reads the connection's status. */
  readonly onStart?: (status: () => UplinkStatus) => void
  /** Run when the relay does not know the key, instead of a log line. */
  readonly onRefused?: Effect.Effect<void>
  /** Run when the relay's certificate is not accepted, besides a log line; gets what is wrong with it, and its code. */
  readonly onUntrusted?: (detail: string, code: RelayFaultCode) => Effect.Effect<void>
  /** Run when a transport connects, besides a log line; gets the address for visitors, and what pages call the server. */
  readonly onConnected?: (url: string, site: string) => Effect.Effect<void>
  /** Called when the state of the connection has changed, with what reads it at any time; the log then does not repeat the address. */
  readonly onState?: (read: () => UplinkState) => void
}
