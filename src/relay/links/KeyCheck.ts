/**
 * The check of the key on a classic server's request. A connection sends the
 * same key with every request, so it is hashed once per connection.
 */
import { timingSafeEqual } from "node:crypto"
import type { Identity, Knocked, KnownServer, Servers } from "../registry/Servers.ts"

/** A key that a connection has sent, and whose it is. */
interface ProvenKey {
  readonly key: Buffer
  readonly server: KnownServer
}

/** See the file's header. */
export class KeyCheck {
  private readonly servers: Servers["Service"]
  private readonly proven = new WeakMap<object, ProvenKey>()

  constructor(servers: Servers["Service"]) {
    this.servers = servers
  }

  /** Whether the key is that of the server of this name. */
  identify(connection: object, name: string, key: string): Identity {
    return this.check(connection, name, key, () => this.servers.identify(name, key))
  }

  /** The same for a server that wants to connect at a time in milliseconds since 1970; failures are counted by address. */
  knock(connection: object, name: string, key: string, address: () => string, at: number): Knocked {
    return this.check(connection, name, key, () => this.servers.knock(name, key, address(), at))
  }

  private check<Result extends Knocked>(
    connection: object,
    name: string,
    key: string,
    look: () => Result,
  ): Result | KnownServer {
    const bytes = Buffer.from(key, "latin1")
    const proven = this.proven.get(connection)
    if (
      proven !== undefined &&
      proven.key.length === bytes.length &&
      timingSafeEqual(proven.key, bytes) &&
      proven.server.name === name &&
      this.servers.accepts(proven.server.name, proven.server.tripcode)
    )
      return proven.server
    const identity = look()
    if (identity._tag === "Known") this.proven.set(connection, { key: bytes, server: identity })
    return identity
  }
}
