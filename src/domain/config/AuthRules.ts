/**
 * Which visitors the relay lets in: those with a user name and password, those
 * with a bearer token, those whom a trusted proxy names, and those who have
 * signed in at the provider of `[oidc]`. One of them is enough.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isPasswordHash, type PasswordHash } from "../PasswordHash.ts"
import type { Tripcode } from "../Tripcode.ts"
import { type AllowList, isEntry } from "../visitor/AllowList.ts"
import { type ConfigValues, optional } from "./ConfigKey.ts"
import type { ConfigValue } from "./ConfigValue.ts"
import * as Value from "./ConfigValue.ts"

/** See the file's header. */
export interface AuthRules {
  readonly users: ReadonlyArray<AuthUser>
  /** Tripcodes of bearer tokens (RFC 6750). */
  readonly tokens: ReadonlyArray<Tripcode>
  /** The header field in which a trusted proxy names the visitor; lower case. */
  readonly userHeader: string | undefined
  /** Which names in that field are let in; `undefined` for all. */
  readonly allow: ReadonlyArray<string> | undefined
  /** Which visitors are let in that have signed in by OpenID Connect; `undefined` for none, who are not asked to sign in either. */
  readonly signIn?: AllowList | undefined
}

/** Rules that admit nobody. */
export const none: AuthRules = { users: [], tokens: [], userHeader: undefined, allow: undefined }

/** A user and the hash of the password. */
export interface AuthUser {
  readonly user: string
  readonly password: PasswordHash
}

/** Fields that have another meaning and so cannot name the visitor. */
const reservedFields = new Set([
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "forwarded",
  "host",
  "transfer-encoding",
  "x-apikey",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-prefix",
  "x-forwarded-proto",
])

// RFC 7617 2: a user name has no colon.
const users: ConfigValue<ReadonlyArray<AuthUser>> = {
  kind: "table",
  schema: Value.parsed(Schema.Record(Schema.String, Schema.String), (table) => {
    const list: Array<AuthUser> = []
    for (const [user, password] of Object.entries(table)) {
      if (user === "" || user.includes(":") || !isPasswordHash(password)) return undefined
      list.push({ user, password })
    }
    return list
  }),
  expected: 'a table such as { me = "what `ptth hash-password` prints" }',
}

/** The keys of `[frontend_auth]`. */
export const frontendAuthKeys = {
  users: optional({
    name: "users",
    value: users,
    doc: "User names and hashes of their passwords.",
    unset: "none",
  }),
  tokens: optional({
    name: "tokens",
    value: Value.tokenTripcodes,
    doc: "Tripcodes of bearer tokens.",
    unset: "none",
  }),
  userHeader: optional({
    name: "user_header",
    value: Value.fieldName("X-Forwarded-User", (name) => !reservedFields.has(name)),
    doc: "The header field in which a proxy of `trusted_proxies` names the visitor.",
    unset: "none",
  }),
  allow: optional({
    name: "allow",
    value: Value.texts('a list of users, such as ["me@example.com"]'),
    doc: "The names in that field that are let in.",
    unset: "all",
  }),
}

/** The keys of a server's `auth`. */
export const serverAuthKeys = {
  ...frontendAuthKeys,
  allow: {
    ...frontendAuthKeys.allow,
    doc: "The names in that field that are let in; with `[oidc]`, also who may sign in, in the same form as its `allow`.",
    unset: "all, and nobody by `[oidc]`",
  },
  open: optional({
    name: "open",
    value: Value.boolean,
    doc: "Let everybody in although there is `[frontend_auth]`; allowed only without the other keys.",
    unset: "false",
  }),
}

/** What of the other keys the rules depend on. */
export interface AuthSurroundings {
  readonly hasTrustedProxies: boolean
  /** Whom `[oidc]` lets in where nothing else is said; `undefined` without it. */
  readonly signIn: AllowList | undefined
}

/** The rules of a `[frontend_auth]` table, or why they are invalid. */
export const fromTable = (
  table: ConfigValues<typeof frontendAuthKeys>,
  { hasTrustedProxies, signIn }: AuthSurroundings,
): Result.Result<AuthRules, string> =>
  Result.map(withoutSignIn(table, hasTrustedProxies), (rules) =>
    signIn === undefined ? rules : { ...rules, signIn },
  )

const withoutSignIn = (
  { allow, tokens = [], userHeader, users = [] }: ConfigValues<typeof frontendAuthKeys>,
  hasTrustedProxies: boolean,
): Result.Result<AuthRules, string> => {
  if (users.length === 0 && tokens.length === 0 && userHeader === undefined)
    return Result.fail(
      "it has no `users`, no `tokens` and no `user_header`, so that nobody could come in",
    )
  if (userHeader !== undefined && !hasTrustedProxies)
    return Result.fail("`user_header` needs `trusted_proxies`, which is missing")
  if (allow !== undefined && userHeader === undefined)
    return Result.fail("`allow` needs `user_header`, which is missing")
  return Result.succeed({ users, tokens, userHeader, allow })
}

/** The rules of a server's `auth` table, `open` if it lets everybody in, or why they are invalid. */
export const fromServerTable = (
  { open, ...rules }: ConfigValues<typeof serverAuthKeys>,
  surroundings: AuthSurroundings,
): Result.Result<AuthRules | "open", string> => {
  if (open !== true) return serverRules(rules, surroundings)
  return Object.values(rules).every((value) => value === undefined)
    ? Result.succeed("open")
    : Result.fail("it has `open` as well as other rules")
}

/** With `[oidc]`, a list of a server's own replaces that of `[oidc]`; a server with other rules only is not signed in to. */
const serverRules = (
  table: ConfigValues<typeof frontendAuthKeys>,
  { hasTrustedProxies, signIn }: AuthSurroundings,
): Result.Result<AuthRules, string> => {
  const { allow, tokens = [], userHeader, users = [] } = table
  if (signIn === undefined && allow !== undefined && userHeader === undefined)
    return Result.fail(
      "`allow` needs [oidc] or `user_header`, which are missing, so that nobody could come in",
    )
  if (signIn === undefined || allow === undefined) return withoutSignIn(table, hasTrustedProxies)
  if (userHeader !== undefined)
    return Result.map(withoutSignIn(table, hasTrustedProxies), (rules) => ({
      ...rules,
      signIn: allow,
    }))
  const other = allow.find((entry) => !isEntry(entry))
  return other === undefined
    ? Result.succeed({ users, tokens, userHeader, allow: undefined, signIn: allow })
    : Result.fail(
        `\`allow\` has ${JSON.stringify(other)}, which is no address, no domain such as "@example.org", no "group:NAME" and not "*"`,
      )
}
