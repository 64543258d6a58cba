/**
 * What the relay's sign-in rules use to identify visitors, over all servers: a
 * server must not see it, since a hostile one could collect passwords.
 */
import type { AuthRules } from "../../domain/config/AuthRules.ts"
import type { RelayConfig } from "../../domain/config/RelayConfig.ts"
import { identityFields } from "../../protocol/http/Forwarded.ts"

/** User names, tokens and header fields of all rules together. */
export interface AuthSecrets {
  /** Names of the header fields in which proxies, or with `[oidc]` the relay, name the visitor; lower case, with hyphens for underscores. */
  readonly headers: ReadonlySet<string>
  /** The lengths of names of fields that have to be compared. */
  readonly lengths: ReadonlySet<number>
  readonly users: ReadonlySet<string>
  readonly tokens: AuthRules["tokens"]
}

/** The secrets of a configuration; `undefined` if it has no rules. */
export const secretsOf = (config: RelayConfig): AuthSecrets | undefined => {
  const rules = [config.frontendAuth, ...config.servers.map(({ auth }) => auth)].filter(
    (one) => one !== undefined && one !== "open",
  )
  if (rules.length === 0 && config.oidc === undefined) return undefined
  const headers = new Set([
    ...rules.flatMap(({ userHeader }) => userHeader?.replaceAll("_", "-") ?? []),
    ...(config.oidc === undefined ? [] : identityFields),
  ])
  return {
    headers,
    lengths: new Set([...headers, "authorization"].map(({ length }) => length)),
    users: new Set(rules.flatMap(({ users }) => users.map(({ user }) => user))),
    tokens: rules.flatMap(({ tokens }) => tokens),
  }
}
