/**
 * How a server is set up, for the command and for the library alike.
 */
import type * as Effect from "effect/Effect"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { TransportChoice } from "../../domain/config/ServerConfig.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import type { Handler } from "../../transport/body/Handler.ts"

/** How a server reaches its relay, and what it serves. */
export interface ServerOptions {
  readonly name: ServerName
  readonly apiKey: ApiKey
  /** The relay's address without the prefix of its backend API. */
  readonly relayUrl: string
  readonly handler: Handler
  /** Holds each response body to a mebibyte a second. */
  readonly throttle?: boolean
  /** PEM certificates to trust besides the usual ones. */
  readonly ca?: string
  /** Whether the proxies that the environment names are used; they are unless this is `false`. */
  readonly proxies?: boolean
  /** How long running exchanges may go on once the Scope is closed, in milliseconds; 30 s. */
  readonly graceMillis?: number
  /** Which transport is spoken; `auto` unless it is said. */
  readonly transport?: TransportChoice
  /** How many stream links are kept; 2 unless it is said. */
  readonly connections?: number
  /** How long a stream link may be silent before it is asked, and again before it is given up, in milliseconds; 15 s. */
  readonly heartbeatMillis?: number
  /** What the relay shows as this server's program and version, such as `ptth/0.1.0`; visible ASCII. */
  readonly program?: string
  /** What is done when the relay turns out not to know the key, instead of a line in the log. */
  readonly onRefused?: Effect.Effect<void>
  /** What is done when the relay's certificate is not trusted, besides a line in the log; with Node's code for it. */
  readonly onUntrusted?: (detail: string) => Effect.Effect<void>
  /** What is done when a transport connects, besides a line in the log; `url` is where visitors come. */
  readonly onConnected?: (url: string) => Effect.Effect<void>
}
