/**
 * What `ptth share` keeps with a share besides its name and key: what restricts
 * visitors, above all their sign-in. It stays in force until a flag takes it
 * back, so that a shorter command never opens what was closed. What opens a
 * share, such as `--uploads`, is not kept.
 */
import * as NodePath from "node:path"
import type { Override } from "../../domain/config/ConfigDecode.ts"
import { type ConfigKey, flagName } from "../../domain/config/ConfigKey.ts"
import { serverKeys, signInKeys } from "../../domain/config/ServerKeys.ts"
import { isPasswordHash, type PasswordHash } from "../../domain/PasswordHash.ts"

/** Keys of a server's configuration with their values, as TOML has them. */
export interface Restrictions {
  readonly [key: string]: unknown
}

/** The keys that make visitors sign in; `--no-auth` takes all of them back. */
const signIn: ReadonlySet<string> = new Set(
  [...Object.values(signInKeys), serverKeys.usersFile].map(({ name }) => name),
)

/** The sign-in that a file server has, and an application has not. */
const ofFiles: ReadonlyArray<string> = [
  serverKeys.usersFile.name,
  serverKeys.users.name,
  serverKeys.tokens.name,
]

/** The other keys, and which of their values restrict. */
const others: { readonly [key: string]: (value: unknown) => boolean } = {
  [serverKeys.hidden.name]: (patterns) => Array.isArray(patterns) && patterns.length > 0,
  [serverKeys.symlinks.name]: (policy) => policy === "never",
  [serverKeys.archives.name]: (isOn) => isOn === false,
}

const restricts = (key: string, value: unknown): boolean =>
  signIn.has(key) || others[key]?.(value) === true

const isSignIn = ([key]: readonly [key: string, value: unknown]): boolean => signIn.has(key)

/** The restrictions among the keys of a configuration. */
export const of = (table: Restrictions): Restrictions =>
  Object.fromEntries(Object.entries(table).filter(([key, value]) => restricts(key, value)))

/** A configuration without its restrictions. */
export const without = (table: Restrictions): Restrictions =>
  Object.fromEntries(Object.entries(table).filter(([key, value]) => !restricts(key, value)))

/** Those of a share, to which those of another share of the same target are added; a sign-in of its own replaces the other's. */
export const merged = (own: Restrictions, other: Restrictions): Restrictions => {
  const hasSignIn = Object.entries(own).some(isSignIn)
  const added = Object.entries(other).filter((entry) => !(hasSignIn && isSignIn(entry)))
  return { ...Object.fromEntries(added), ...own }
}

/** The value that is kept of a flag; a path counts from the working directory of now. */
const keptValue = ({ key, value }: Override): unknown =>
  key === serverKeys.usersFile.name && typeof value === "string" ? NodePath.resolve(value) : value

/** The restrictions from now on: those before, as the flags change them. */
export const changed = (
  before: Restrictions,
  flags: ReadonlyArray<Override>,
  noAuth: boolean,
): Restrictions => {
  const isReplaced = noAuth || flags.some(({ key }) => signIn.has(key))
  const kept = Object.entries(before).filter((entry) => !(isReplaced && isSignIn(entry)))
  const given = flags.map((flag) => [flag.key, keptValue(flag)] as const)
  return of({ ...Object.fromEntries(kept), ...Object.fromEntries(given) })
}

/** The hash of the password of a user, if that is the one who is asked for it. */
export const passwordOf = (restrictions: Restrictions, user: string): PasswordHash | undefined => {
  const hash = restrictions[serverKeys.authPassword.name]
  return restrictions[serverKeys.authUser.name] === user &&
    typeof hash === "string" &&
    isPasswordHash(hash)
    ? hash
    : undefined
}

/** Whether visitors sign in by rules that only a file server has. */
export const needFiles = (restrictions: Restrictions): boolean =>
  ofFiles.some((key) => restrictions[key] !== undefined)

const flagText = (key: ConfigKey<unknown>, value: unknown): string =>
  value === false ? `--no-${flagName(key)}` : `--${flagName(key)} ${String(value)}`

/** The flags that a share goes on with although they are not given now; `undefined` if there are none. */
export const describeKept = (
  restrictions: Restrictions,
  flags: ReadonlyArray<Override>,
): string | undefined => {
  const given = new Set(flags.map(({ key }) => key))
  const kept = Object.values(serverKeys).flatMap((key): ReadonlyArray<string> => {
    const value = restrictions[key.name]
    const isShown = key.flag !== undefined && value !== undefined && !given.has(key.name)
    return isShown ? [flagText(key, value)] : []
  })
  if (kept.length === 0) return undefined
  const end = Object.entries(restrictions).some(isSignIn) ? "; --no-auth ends the sign-in" : ""
  return `${kept.join(", ")} (as before${end})`
}
