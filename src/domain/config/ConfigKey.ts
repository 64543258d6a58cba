/**
 * A configuration key as one row: its name, its values, its default, its flag
 * and one sentence of documentation. Decoding, environment variables, flags,
 * `--help`, `--print-config` and `docs/configuration.md` all come from the rows
 * of `RelayKeys.ts` and `ServerKeys.ts`.
 */
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import type { ConfigValue } from "./ConfigValue.ts"
import { parsed } from "./ConfigValue.ts"

/** How a key is given on the command line. */
export interface ConfigFlag {
  /** The placeholder of the value in `--help`; booleans have none. */
  readonly metavar?: string
  /** The flag's name, where it is not the key's name with hyphens. */
  readonly name?: string
}

/** What a row says, besides whether the key may be missing. */
export interface ConfigKeyOptions<A> {
  /** The key as it stands in the file. */
  readonly name: string
  readonly value: ConfigValue<A>
  /** One sentence for `--help` and `docs/configuration.md`. */
  readonly doc: string
  /** The section of another document that says more, such as `operating.md#limits`. */
  readonly see?: string
  /** The flag, where there is one. */
  readonly flag?: ConfigFlag
  /** Whether the value must not be shown. */
  readonly secret?: boolean
}

/** A row. `A` is what the key decodes to, with `undefined` if it may be missing and has no default. */
export interface ConfigKey<out A> extends ConfigKeyOptions<unknown> {
  readonly required: boolean
  /** As it would stand in the file. */
  readonly default?: unknown
  /** What happens without the key, in a few words, where it has no default. */
  readonly unset: string
  /** Carries the type only. */
  readonly decoded?: A
}

/** Rows by the names of the fields that they decode to. */
export interface ConfigRows {
  readonly [field: string]: ConfigKey<unknown>
}

/** What rows decode to. */
export type ConfigValues<Rows extends ConfigRows> = {
  readonly [Field in keyof Rows]: Rows[Field] extends ConfigKey<infer A> ? A : never
}

/** A row of a key that must be there. */
export const required = <A>(options: ConfigKeyOptions<A>): ConfigKey<A> => ({
  ...options,
  required: true,
  unset: "required",
})

/** A row of a key that may be missing; `unset` says in a few words what happens then. */
export const optional = <A>(
  options: ConfigKeyOptions<A> & { readonly unset: string },
): ConfigKey<A | undefined> => ({ ...options, required: false })

/** A row of a key with a default, written as it would stand in the file. */
export const withDefault = <A>(
  options: ConfigKeyOptions<A> & { readonly default: unknown },
): ConfigKey<A> => ({ ...options, required: false, unset: "" })

/** The row of an optional key, with a default. */
export const defaulting = <A>(
  { decoded: _, ...key }: ConfigKey<A | undefined>,
  value: unknown,
): ConfigKey<A> => ({ ...key, default: value, unset: "" })

/** A table, or a list of tables, whose keys are rows as well. */
export interface ConfigTable<A> extends ConfigValue<A> {
  readonly kind: "table"
  readonly isList: boolean
  readonly rows: ConfigRows
}

/** Whether a value is a table with rows of its own. */
export const isTable = (value: ConfigValue<unknown>): value is ConfigTable<unknown> =>
  "rows" in value

/** The schema of a table with these keys and no others, decoding to values by the keys' names. */
export const struct = (rows: ConfigRows) =>
  Schema.Struct(
    Object.fromEntries(
      Object.values(rows).map(({ name, required, value }): [string, Schema.Decoder<unknown>] => [
        name,
        (required ? value.schema : Schema.optionalKey(value.schema)).annotateKey({
          description: value.expected,
        }),
      ]),
    ),
  )

const defaultValues = new WeakMap<ConfigKey<unknown>, unknown>()

const defaultOf = (key: ConfigKey<unknown>): unknown => {
  if (key.default === undefined) return undefined
  if (!defaultValues.has(key)) {
    defaultValues.set(key, SchemaParser.decodeUnknownSync(key.value.schema)(key.default))
  }
  return defaultValues.get(key)
}

/** Fills the fields of rows from what {@link struct} has decoded, and from the defaults. */
export const values = <Rows extends ConfigRows>(
  rows: Rows,
  decoded: { readonly [name: string]: unknown },
): ConfigValues<Rows> =>
  Object.fromEntries(
    Object.entries(rows).map(([field, key]) => [
      field,
      Object.hasOwn(decoded, key.name) ? decoded[key.name] : defaultOf(key),
    ]),
  ) as ConfigValues<Rows>

const tableSchema = <Rows extends ConfigRows>(rows: Rows) =>
  parsed(struct(rows), (decoded) => values(rows, decoded))

/** A table with these keys. */
export const table = <Rows extends ConfigRows>(
  rows: Rows,
  expected: string,
): ConfigTable<ConfigValues<Rows>> => ({
  kind: "table",
  isList: false,
  rows,
  schema: tableSchema(rows),
  expected,
})

/** A list of tables with these keys. */
export const tables = <Rows extends ConfigRows>(
  rows: Rows,
  expected: string,
): ConfigTable<ReadonlyArray<ConfigValues<Rows>>> => ({
  kind: "table",
  isList: true,
  rows,
  schema: Schema.Array(tableSchema(rows)),
  expected,
})

/** The name of a key's flag, without hyphens in front. */
export const flagName = ({ flag, name }: ConfigKey<unknown>): string =>
  flag?.name ?? name.replaceAll("_", "-")
