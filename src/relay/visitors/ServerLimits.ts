/**
 * Limits the requests of one visitor's address and those for one server.
 * Loopback addresses and trusted proxies have no limit: many visitors may
 * share them.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import * as ListenAddress from "../../domain/ListenAddress.ts"
import type { ServerName } from "../../domain/ServerName.ts"
import { bucketOf } from "../../domain/visitor/VisitorAddress.ts"
import { ExchangeError } from "../../protocol/Exchange.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import { refuse } from "../../transport/body/Replies.ts"
import type { FrontRequest } from "../../transport/front/FrontRequest.ts"
import { type Quota, Quotas, type Usage, type UsageCounts } from "../../transport/runtime/Quotas.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import { clientAddress, isTrusted } from "../settings/TrustedProxies.ts"

const none = Number.POSITIVE_INFINITY

const unlimited: Quota = { atOnce: none, perSecond: none, burst: 0 }

/** What the keys of a usage report begin with. */
const [addressPrefix, serverPrefix] = ["address ", "server "]

const prefixed = (
  prefix: string,
  counts: ReadonlyMap<string, number>,
): ReadonlyArray<readonly [string, number]> =>
  [...counts].map(([key, count]) => [`${prefix}${key}`, count])

const withPrefix = (
  prefix: string,
  counts: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> =>
  new Map(
    [...counts].flatMap(([key, count]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), count] as const] : [],
    ),
  )

/** The limits of one relay. */
export class ServerLimits {
  private readonly derived: () => DerivedConfig
  private readonly now: () => number
  private readonly addresses = new Quotas()
  private readonly servers = new Quotas()

  /** @param now in milliseconds */
  constructor(derived: () => DerivedConfig, now: () => number) {
    this.derived = derived
    this.now = now
  }

  /** Continues with `next` unless the visitor's address exceeds its limits. */
  visitor(request: FrontRequest, reply: Reply, next: () => Cancel): Cancel {
    const { config, quotas } = this.derived()
    const quota = quotas.address
    if (quota === undefined) return next()
    const { address, head } = request
    const visitor = clientAddress(config.trustedProxies, address, head.headers)
    if (ListenAddress.isLoopback(visitor) || isTrusted(config.trustedProxies, visitor))
      return next()
    const usage = this.addresses.enter(bucketOf(visitor), this.now(), quota)
    return typeof usage === "number"
      ? refuse(request.body, reply, tooManyRequests("from your address", usage))
      : leaveOnce(this.addresses, usage, next())
  }

  /** Continues with `next` unless the requests of the server exceed its limits. */
  server(name: ServerName, request: FrontRequest, reply: Reply, next: () => Cancel): Cancel {
    const quota = this.derived().quotas.servers.get(name)
    if (quota === undefined) return next()
    const usage = this.servers.enter(name, this.now(), quota)
    return typeof usage === "number"
      ? refuse(request.body, reply, tooManyRequests("of this server", usage))
      : leaveOnce(this.servers, usage, next())
  }

  /** What was used since the last call, for the other relays of a cluster; see `SharedUsage.ts`. */
  report(): UsageCounts {
    const [addresses, servers] = [this.addresses.report(), this.servers.report()]
    return {
      taken: new Map([
        ...prefixed(addressPrefix, addresses.taken),
        ...prefixed(serverPrefix, servers.taken),
      ]),
      running: new Map([
        ...prefixed(addressPrefix, addresses.running),
        ...prefixed(serverPrefix, servers.running),
      ]),
    }
  }

  /** Counts what another relay reports. */
  count(relay: string, { running, taken }: UsageCounts): void {
    const { address, servers } = this.derived().quotas
    const partOf = (prefix: string): UsageCounts => ({
      taken: withPrefix(prefix, taken),
      running: withPrefix(prefix, running),
    })
    this.addresses.count(relay, partOf(addressPrefix), this.now(), () => address)
    this.servers.count(relay, partOf(serverPrefix), this.now(), (name) => servers.get(name))
  }

  /** Drops the counts of addresses that are not in use. */
  sweep(): void {
    this.addresses.sweep(this.now(), this.derived().quotas.address ?? unlimited)
  }
}

/** Ends the use with the exchange, however often the function is called. */
const leaveOnce = (quotas: Quotas, usage: Usage, cancel: Cancel): Cancel => {
  let hasLeft = false
  return () => {
    if (!hasLeft) quotas.leave(usage)
    hasLeft = true
    cancel()
  }
}

const tooManyRequests = (subject: string, waitMillis: number): ExchangeError =>
  new ExchangeError({
    code: "PTTH_TOO_MANY_REQUESTS",
    detail: `there are too many requests ${subject}`,
    retryAfter: Math.max(1, Math.ceil(waitMillis / 1000)),
  })

/** The error for a request with more header fields than `max_fields`; `undefined` if it has not. */
export const tooManyFields = (
  config: RelayConfig,
  request: FrontRequest,
): ExchangeError | undefined =>
  request.head.headers.length <= config.maxFields
    ? undefined
    : new ExchangeError({
        code: "PTTH_HEAD_TOO_LARGE",
        detail: `more than ${config.maxFields} fields`,
      })
