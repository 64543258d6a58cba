/**
 * A digest of what visitors and servers notice of a configuration: relays that
 * serve as one should have the same.
 */
import { createHash } from "node:crypto"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"

/** 16 characters; equal for configurations that serve alike. */
export const digestOf = (config: RelayConfig): string => {
  const {
    domain,
    frontendAuth,
    maxBody,
    maxRequests,
    maxLinks,
    pathMode,
    privateCookies,
    publicUrl,
    requestsPerSecond,
    responseTimeout,
    servers,
  } = config
  const sorted = [...servers].sort((one, other) => (one.name < other.name ? -1 : 1))
  const noticed = {
    domain,
    frontendAuth,
    maxBody,
    maxRequests,
    maxLinks,
    pathMode,
    privateCookies,
    publicUrl,
    requestsPerSecond,
    responseTimeout,
    servers: sorted,
  }
  return createHash("sha256").update(JSON.stringify(noticed)).digest("hex").slice(0, 16)
}
