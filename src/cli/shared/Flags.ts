/**
 * Flags: those of configuration keys, made from their rows, and those that
 * several commands share.
 */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Param from "effect/cli/Param"
import * as Primitive from "effect/cli/Primitive"
import * as Option from "effect/Option"
import { fromText, type Override, variableOf } from "../../domain/config/ConfigDecode.ts"
import { type ConfigKey, type ConfigRows, flagName } from "../../domain/config/ConfigKey.ts"
import * as CommaList from "../../domain/text/CommaList.ts"

/**
 * A path as it was given. Effect's own would make it absolute and look at the file
 * before we do; only the shells, which complete it, are to know that it is one.
 */
const path = (type: Primitive.PathType): Primitive.Primitive<string> =>
  Object.assign(Primitive.Path(type), { parse: Primitive.String.parse })

/** What a flag with one of these words for its value takes. */
const pathTypes: Readonly<Record<string, Primitive.PathType>> = { FILE: "file", DIR: "directory" }

/** A flag with a text, or with a path if `metavar` is a word for one. */
const textFlag = (name: string, metavar: string): Flag.Flag<string> => {
  const type = pathTypes[metavar]
  const primitiveType = type === undefined ? Primitive.String : path(type)
  return Param.makeSingle({ kind: Param.flagKind, name, primitiveType }).pipe(
    Flag.withMetavar(metavar),
  )
}

/** An argument that is a path, or may be one. */
export const pathArgument = (
  name: string,
  type: Primitive.PathType,
  help: string,
): Argument.Argument<string> =>
  Param.makeSingle({ kind: Param.argumentKind, name, primitiveType: path(type) }).pipe(
    Argument.withDescription(help),
  )

/** An optional flag with a text. */
export const text = (name: string, metavar: string, help: string) =>
  textFlag(name, metavar).pipe(Flag.withDescription(help), Flag.optional)

/** `--config-path`. */
export const configPath = (file: string) =>
  text(
    "config-path",
    "FILE",
    `Configuration (default ./${file}, then ./config/${file}; a missing named file is an error)`,
  )

/** `--asset-root`, a flag of PTTH 2.x. */
export const assetRoot = text("asset-root", "DIR", "Accepted for compatibility; pages are built in")

/** `--qr`. */
export const qr = Flag.Boolean("qr").pipe(
  Flag.withDescription("Also show the address as a QR code (default off)"),
  Flag.withDefault(false),
)

/** `--print-config`. */
export const printConfig = Flag.Boolean("print-config").pipe(
  Flag.withDescription("Print the configuration and the source of each value, then exit"),
  Flag.withDefault(false),
)

/** `--no-wait`. */
export const noWait = Flag.Boolean("no-wait").pipe(
  Flag.withDescription(
    "Exit with code 4 if the relay does not know the key or its certificate is not trusted, instead of trying again (default off)",
  ),
  Flag.withDefault(false),
)

/** `--no-auth`. */
export const noAuth = Flag.Boolean("no-auth").pipe(
  Flag.withDescription(
    "Let visitors in without the sign-in that this TARGET was shared with before (default off)",
  ),
  Flag.withDefault(false),
)

/** `--ca`. */
export const ca = (where: string) =>
  text("ca", "FILE", `A PEM file of certificates to trust in addition to the usual ones (${where})`)

/** `--insecure`. */
export const insecure = Flag.Boolean("insecure").pipe(
  Flag.withDescription(
    "Allow a plain http:// relay on another machine, which sends the key unencrypted (default off)",
  ),
  Flag.withDefault(false),
)

/** Logged if {@link assetRoot} is given. */
export const assetRootNote = "--asset-root has no effect: pages are built in"

/** A flag as an override of a configuration key, if it is given. */
export const override = (
  key: string,
  flag: string,
  value: Option.Option<unknown>,
): ReadonlyArray<Override> =>
  Option.match(value, {
    onNone: () => [],
    onSome: (value) => [{ key, value, from: `--${flag}`, by: "flag" }],
  })

/** What the flags of rows are set to, by their names. */
export interface RowFlags {
  readonly [flag: string]: Option.Option<unknown>
}

const withFlags = (rows: ConfigRows): ReadonlyArray<ConfigKey<unknown>> =>
  Object.values(rows).filter(({ flag }) => flag !== undefined)

/** A default as `--help` shows it. */
const shortDefault = (value: unknown): string =>
  typeof value === "boolean"
    ? value
      ? "on"
      : "off"
    : Array.isArray(value) && value.length === 0
      ? "none"
      : String(value)

const helpOf = (key: ConfigKey<unknown>, environmentPrefix: string | undefined): string => {
  const fallback =
    key.default === undefined
      ? key.unset === "required"
        ? "required"
        : `default: ${key.unset}`
      : `default ${shortDefault(key.default)}`
  const form = key.value.kind === "list" ? ["separated by commas, can be repeated"] : []
  const variable =
    environmentPrefix === undefined ? [] : [`env ${variableOf(environmentPrefix, key.name)}`]
  return `${key.doc.replace(/\.$/, "")} (${[...form, fallback, ...variable].join("; ")})`
}

const flagOf = (
  key: ConfigKey<unknown>,
  environmentPrefix: string | undefined,
): Flag.Flag<Option.Option<unknown>> => {
  const name = flagName(key)
  const help = helpOf(key, environmentPrefix)
  const metavar = key.flag?.metavar ?? "VALUE"
  const { kind } = key.value
  if (kind === "boolean") {
    return Flag.Boolean(name).pipe(Flag.withDescription(help), Flag.optional)
  }
  if (kind === "list") {
    return textFlag(name, metavar).pipe(
      Flag.withDescription(help),
      Flag.atLeast(0),
      Flag.map((given) =>
        given.length === 0 ? Option.none() : Option.some(given.flatMap(CommaList.split)),
      ),
    )
  }
  return text(name, metavar, help).pipe(
    Flag.map(Option.map((given) => (kind === "table" ? given : fromText(kind, given)))),
  )
}

/** The flags of those rows that have one; `--help` names environment variables if the prefix is given. */
export const ofRows = (
  rows: ConfigRows,
  environmentPrefix?: string,
): { readonly [flag: string]: Flag.Flag<Option.Option<unknown>> } =>
  Object.fromEntries(withFlags(rows).map((key) => [flagName(key), flagOf(key, environmentPrefix)]))

/** The overrides that the flags of rows make. */
export const overrides = (rows: ConfigRows, flags: RowFlags): ReadonlyArray<Override> =>
  withFlags(rows).flatMap((key) =>
    override(key.name, flagName(key), flags[flagName(key)] ?? Option.none()),
  )
