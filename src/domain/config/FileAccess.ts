/**
 * Who may do what with the files: the keys for users, tokens and visitors who
 * have not signed in, each with paths; what contradicts each other; and a file
 * of their own.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { DecodeOptions } from "./ConfigDecode.ts"
import * as ConfigDecode from "./ConfigDecode.ts"
import { type ConfigError, single } from "./ConfigError.ts"
import { type ConfigValues, optional, required, table, tables } from "./ConfigKey.ts"
import * as Value from "./ConfigValue.ts"

const paths = Value.scalar(
  "list",
  Value.parsed(Schema.Array(Schema.String), (list) =>
    list.every((path) => path.startsWith("/") && !path.split("/").includes(".."))
      ? list
      : undefined,
  ),
  'a list of paths such as ["/photos", "/inbox"]; "/" is the shared folder',
)

const pathKeys = {
  read: optional({
    name: "read",
    value: paths,
    doc: "Paths that may be read, with everything below.",
    unset: "all",
  }),
  upload: optional({
    name: "upload",
    value: paths,
    doc: "Paths that files may be uploaded to. What is in them cannot be read unless `read` says so.",
    unset: "as `uploads` says",
  }),
  manage: optional({
    name: "manage",
    value: paths,
    doc: "Paths that may be changed, and read.",
    unset: "as `manage` says",
  }),
}

const userKeys = {
  name: required({
    name: "name",
    value: Value.userName,
    doc: "The user's name.",
  }),
  password: required({
    name: "password",
    value: Value.passwordHash,
    doc: "The hash of the password, as `ptth hash-password` prints it.",
    secret: true,
  }),
  ...pathKeys,
}

const tokenKeys = {
  token: required({
    name: "token",
    value: Value.tripcode,
    doc: "The tripcode of the token, as `ptth hash-api-key` prints it. Programs send the token as `Authorization: Bearer TOKEN`.",
  }),
  ...pathKeys,
}

/** Who may do what. */
export const accessKeys = {
  users: optional({
    name: "users",
    value: tables(userKeys, "a table for each user, headed [[users]]"),
    doc: "Users who sign in, and what each may do.",
    see: "files.md#who-may-do-what",
    unset: "none",
  }),
  tokens: optional({
    name: "tokens",
    value: tables(tokenKeys, "a table for each token, headed [[tokens]]"),
    doc: "Tokens of programs, and what each may do.",
    see: "files.md#who-may-do-what",
    unset: "none",
  }),
  visitors: optional({
    name: "visitors",
    value: table(pathKeys, "a table, headed [visitors]"),
    doc: "What visitors may do without signing in, if there are users or tokens.",
    see: "files.md#who-may-do-what",
    unset: "nothing",
  }),
}

/** What {@link accessKeys} decode to. */
export interface AccessSettings extends ConfigValues<typeof accessKeys> {}

/** The keys, and those that they cannot be used with. */
export interface AccessContext extends AccessSettings {
  readonly authUser?: string | undefined
  readonly to?: string | undefined
  readonly routes?: ReadonlyArray<unknown> | undefined
  readonly usersFile?: string | undefined
}

/** A problem with one of the keys. */
export interface Conflict {
  readonly key: string
  readonly detail: string
  readonly remedy: string
}

/** What contradicts each other; `undefined` if nothing does. */
export const conflict = (settings: AccessContext): Conflict | undefined => {
  const { authUser, routes, to, tokens, users, usersFile, visitors } = settings
  const key = Object.entries({ users, tokens, visitors, users_file: usersFile }).find(
    ([, value]) => value !== undefined,
  )?.[0]
  if (key === undefined) return undefined
  const because = (detail: string, remedy: string): Conflict => ({
    key,
    detail: `\`${key}\`: ${detail}`,
    remedy,
  })
  if (to !== undefined || routes !== undefined) {
    const name = to === undefined ? "routes" : "to"
    const detail = `it is about files, and \`${name}\` forwards to an application`
    return because(detail, "Use `auth_user` there, or leave one of them out.")
  }
  if (authUser !== undefined) {
    return because("there is `auth_user` as well", "Make that user one of `[[users]]`.")
  }
  if (usersFile !== undefined) {
    return users === undefined && tokens === undefined && visitors === undefined
      ? undefined
      : because("there is `users_file` as well", "Keep users in one place.")
  }
  if (users === undefined && tokens === undefined) {
    return because("there are neither users nor tokens", "Add `[[users]]`, or leave it out.")
  }
  const names = (users ?? []).map(({ name }) => name)
  const double = names.find((name, i) => names.indexOf(name) < i)
  return double === undefined
    ? undefined
    : because(`there are two users called ${double}`, "Give each user once.")
}

const decodeRows = ConfigDecode.decoder(accessKeys)

/** Decodes a file with these keys alone. */
export const decode = (
  text: string,
  options?: DecodeOptions,
): Result.Result<AccessSettings, ConfigError> =>
  Result.flatMap(decodeRows(text, options), ({ value, where }) => {
    const problem = conflict(value)
    return problem === undefined
      ? Result.succeed(value)
      : Result.fail(
          single({ code: "PTTH_CONFIG_INVALID", where: where([problem.key]), ...problem }),
        )
  })
