/**
 * Who of the visitors may come in, where the relay itself asks: by a user and a
 * password, by a token, or because a proxy that is trusted says so. Any one of
 * them is enough.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isName } from "../HeaderList.ts"
import { isPasswordHash, type PasswordHash } from "../PasswordHash.ts"
import { isTripcode, type Tripcode } from "../Tripcode.ts"
import { field, reading } from "./ConfigDecode.ts"

/** See the file's header. */
export interface AuthRules {
  readonly users: ReadonlyArray<AuthUser>
  /** Tripcodes of bearer tokens (RFC 6750). */
  readonly tokens: ReadonlyArray<Tripcode>
  /** The field in which a trusted proxy says who has signed in; lower case. */
  readonly userHeader: string | undefined
  /** Whom of those the field may name; `undefined` is everybody. */
  readonly allow: ReadonlyArray<string> | undefined
}

/** A user and the hash of the password. */
export interface AuthUser {
  readonly user: string
  readonly password: PasswordHash
}

/** Fields with a meaning of their own, which cannot say who has signed in. */
const taken = new Set([
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

const UserHeader = reading(Schema.String, (text) => {
  const name = text.toLowerCase()
  return isName(name) && !taken.has(name) ? name : undefined
})

const Token = reading(Schema.String, (text) => (isTripcode(text) ? text : undefined))

// RFC 7617 2: a user's name has no colon.
const Users = reading(Schema.Record(Schema.String, Schema.String), (table) => {
  const users: Array<AuthUser> = []
  for (const [user, password] of Object.entries(table)) {
    if (user === "" || user.includes(":") || !isPasswordHash(password)) return undefined
    users.push({ user, password })
  }
  return users
})

const keys = {
  users: field(Users, 'a table such as { me = "what `ptth hash-password` prints" }'),
  tokens: field(
    Schema.Array(Token),
    "a list of tripcodes of tokens, as `ptth hash-api-key` prints them",
  ),
  user_header: field(UserHeader, 'the name of a field, such as "X-Forwarded-User"'),
  allow: field(
    Schema.Array(Schema.String.check(Schema.isMinLength(1))),
    'a list of users, such as ["me@example.com"]',
  ),
}

/** The keys of `[frontend_auth]`. */
export const FrontendAuth = Schema.Struct(keys)

/** The keys of a server's `auth`. */
export const ServerAuth = Schema.Struct({
  ...keys,
  open: field(Schema.Boolean, "true or false"),
})

/** The rules that a table stands for, or why it stands for none. */
export const fromTable = (
  { allow, tokens = [], user_header: userHeader, users = [] }: typeof FrontendAuth.Type,
  hasTrustedProxies: boolean,
): Result.Result<AuthRules, string> => {
  if (users.length === 0 && tokens.length === 0 && userHeader === undefined)
    return Result.fail(
      "it names no `users`, no `tokens` and no `user_header`: nobody could come in",
    )
  if (userHeader !== undefined && !hasTrustedProxies)
    return Result.fail("`user_header` is believed of `trusted_proxies` only, and there are none")
  if (allow !== undefined && userHeader === undefined)
    return Result.fail("`allow` says whom `user_header` may name, and that is missing")
  return Result.succeed({ users, tokens, userHeader, allow })
}

/** The rules of a server: its own, none although the frontend has some, or those of the frontend. */
export const fromServerTable = (
  { open, ...rest }: typeof ServerAuth.Type,
  hasTrustedProxies: boolean,
): Result.Result<AuthRules | "open", string> => {
  if (open !== true) return fromTable(rest, hasTrustedProxies)
  return Object.keys(rest).length === 0
    ? Result.succeed("open")
    : Result.fail("it is `open`, and it says who may come in")
}
