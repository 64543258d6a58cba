/**
 * The quotas of visitors' addresses and of servers that a configuration sets.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { Quota } from "../../transport/runtime/Quotas.ts"

/** The quotas of a configuration. */
export interface RequestQuotas {
  /** Of each visitor's address; `undefined` is no limit. */
  readonly address: Quota | undefined
  /** Of servers by their names; those without a limit are missing. */
  readonly servers: ReadonlyMap<string, Quota>
}

/** How many seconds' worth of requests may come at once. */
const burstSeconds = 10

const quotaOf = (atOnce: number | undefined, perSecond: number | undefined): Quota | undefined =>
  atOnce === undefined && perSecond === undefined
    ? undefined
    : {
        atOnce: atOnce ?? Number.POSITIVE_INFINITY,
        perSecond: perSecond ?? Number.POSITIVE_INFINITY,
        burst:
          perSecond === undefined
            ? Number.POSITIVE_INFINITY
            : Math.max(1, perSecond * burstSeconds),
      }

/** The quotas that a configuration sets; a server's own limits replace those of all servers. */
export const quotasOf = (config: RelayConfig): RequestQuotas => ({
  address: quotaOf(config.maxRequestsPerAddress, config.requestsPerSecondPerAddress),
  servers: new Map(
    config.servers.flatMap(({ limits, name }): ReadonlyArray<[string, Quota]> => {
      const quota = quotaOf(
        limits.maxRequests ?? config.maxRequests,
        limits.requestsPerSecond ?? config.requestsPerSecond,
      )
      return quota === undefined ? [] : [[name, quota]]
    }),
  ),
})
