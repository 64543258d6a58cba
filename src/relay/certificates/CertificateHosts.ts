/**
 * The hosts for which a relay obtains certificates: its own, and those of
 * registered servers. Never others, whatever a visitor asks for.
 */
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import type { CertificatePlan } from "../../transport/acme/CertificateKeeper.ts"
import type { DerivedConfig } from "../settings/DerivedConfig.ts"
import * as Subdomains from "../settings/Subdomains.ts"

const single = (host: string): CertificatePlan => ({ id: host, names: [host] })

/** Whether records in the zone of `domain` can be set. */
export const hasDns = ({ acmeDnsHook, acmeDnsServer }: RelayConfig): boolean =>
  acmeDnsHook !== undefined || acmeDnsServer !== undefined

/** A domain and all hosts right below it. */
const wildcard = (domain: string): CertificatePlan => ({
  id: `_.${domain}`,
  names: [domain, `*.${domain}`],
})

const isCovered = (domain: string, host: string): boolean =>
  host === domain ||
  (host.endsWith(`.${domain}`) && !host.slice(0, -domain.length - 1).includes("."))

/** The certificate for a host, in lower case; `undefined` if the host is not the relay's or a registered server's. */
export const planOf = (derived: DerivedConfig, host: string): CertificatePlan | undefined => {
  const { config, hosts, ownHosts } = derived
  if (!ownHosts.includes(host)) {
    const route = Subdomains.routeOf(hosts, host)
    // Of a server at which visitors' TLS ends the relay has no certificate.
    if (route?._tag !== "Server" || derived.servers.get(route.name)?.tls === "passthrough")
      return undefined
  }
  const { domain } = config
  return domain !== undefined && hasDns(config) && isCovered(domain, host)
    ? wildcard(domain)
    : single(host)
}

/** The certificates that are obtained at once: those of the relay's own hosts, the first for visitors who name no host. */
export const ownPlans = (derived: DerivedConfig): ReadonlyArray<CertificatePlan> => {
  const plans = derived.ownHosts.flatMap((host) => planOf(derived, host) ?? [])
  return [...new Map(plans.map((plan) => [plan.id, plan])).values()]
}

/** Whether a certificate is still for hosts that are ours. */
export const isWanted = (derived: DerivedConfig, { id, names }: CertificatePlan): boolean =>
  names.some((name) => planOf(derived, name)?.id === id)
