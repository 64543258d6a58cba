/**
 * A digest of what visitors and servers notice of a configuration: relays that
 * serve as one should have the same.
 */
import { createHash } from "node:crypto"
import * as Struct from "effect/Struct"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"

/** What is noticed, besides the servers. */
const noticed = [
  "domain",
  "frontendAuth",
  "maxBody",
  "maxRequests",
  "maxLinks",
  "pathMode",
  "privateCookies",
  "publicUrl",
  "requestsPerSecond",
  "responseTimeout",
] as const satisfies ReadonlyArray<keyof RelayConfig>

/** 16 characters; equal for configurations that serve alike. */
export const digestOf = (config: RelayConfig): string => {
  const servers = config.servers.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  const oidc = config.oidc && Struct.omit(config.oidc, ["clientSecret", "clientSecretFile"])
  const values = { ...Struct.pick(config, noticed), oidc, servers }
  return createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 16)
}
