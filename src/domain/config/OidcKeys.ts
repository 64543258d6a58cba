/**
 * The keys of `[oidc]`: the provider of OpenID Connect at which the relay has
 * its visitors sign in.
 */
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isConfidential } from "../ListenAddress.ts"
import { type AllowList, isEntry } from "../visitor/AllowList.ts"
import { type ConfigValues, required, withDefault } from "./ConfigKey.ts"
import * as Value from "./ConfigValue.ts"
import { type ConfigValue, parsed, scalar } from "./ConfigValue.ts"

const allowList: ConfigValue<AllowList> = scalar(
  "list",
  parsed(Schema.Array(Schema.String), (list) =>
    list.length > 0 && list.every(isEntry) ? list : undefined,
  ),
  'a list such as ["me@example.com", "@example.org", "group:staff"], or ["*"] for everybody',
)

const issuer = scalar(
  "text",
  parsed(Schema.String, (input) => {
    const url = Value.parseHttpUrl(input)
    // Compared as it is written with what the provider says of itself.
    return url !== undefined && isConfidential(url.href) ? input : undefined
  }),
  'an https address, such as "https://login.example.com"',
)

// RFC 6749 3.3. Without `openid` a provider says nothing about who signs in (OpenID Connect Core 3.1.2.1).
const scopes = scalar(
  "list",
  parsed(Schema.Array(Schema.String), (list) =>
    list.includes("openid") && list.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
      ? list
      : undefined,
  ),
  'a list of scopes with "openid", such as ["openid", "email"]',
)

const claim = (example: string): ConfigValue<string> =>
  Value.matching(/^[\x21-\x7e]{1,128}$/, `the name of a claim, such as "${example}"`)

/** The rows. */
export const oidcKeys = {
  issuer: required({
    name: "issuer",
    value: issuer,
    doc: "The provider's address, exactly as it names itself.",
  }),
  clientId: required({
    name: "client_id",
    value: Value.text("a text that is not empty"),
    doc: "The id that the provider gave to this relay.",
  }),
  clientSecretFile: required({
    name: "client_secret_file",
    value: Value.text("the name of a file"),
    doc: "The file of the secret that the provider gave to this relay: one line of at least 16 characters.",
  }),
  allow: required({
    name: "allow",
    value: allowList,
    doc: 'Who is let in after signing in: addresses, "@example.org" for a whole domain, "group:NAME", or "*" for everybody.',
  }),
  scopes: withDefault({
    name: "scopes",
    value: scopes,
    doc: "The scopes that are asked for.",
    default: ["openid", "email", "profile"],
  }),
  userClaim: withDefault({
    name: "user_claim",
    value: claim("preferred_username"),
    doc: "The claim that names the visitor in `X-Forwarded-User`. Dots lead into objects.",
    default: "sub",
  }),
  groupsClaim: withDefault({
    name: "groups_claim",
    value: claim("roles"),
    doc: 'The claim that has the visitor\'s groups. Dots lead into objects, as in "realm_access.roles".',
    default: "groups",
  }),
  unverifiedEmail: withDefault({
    name: "unverified_email",
    value: Value.boolean,
    doc: "Accept a mail address that the provider does not declare as verified.",
    default: false,
  }),
  session: withDefault({
    name: "session",
    value: Value.duration,
    doc: "How long a visitor stays signed in.",
    default: "12 h",
  }),
}

/** What the table decodes to. */
export type OidcTable = ConfigValues<typeof oidcKeys>

/** The table with the secret from its file. */
export interface Oidc extends OidcTable {
  readonly clientSecret: Redacted.Redacted<string>
}
