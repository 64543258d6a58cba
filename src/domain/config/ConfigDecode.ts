/**
 * Decodes a configuration from its sources: the TOML document, overlaid by
 * environment variables and flags, is decoded by the rows of its keys, and each
 * issue becomes a problem that names its file and line, variable or flag.
 */
import * as Result from "effect/Result"
import type * as SchemaAST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as CommaList from "../text/CommaList.ts"
import { nearest } from "../text/Nearest.ts"
import type { ConfigProblem } from "./ConfigError.ts"
import { ConfigError, inOrder } from "./ConfigError.ts"
import * as ConfigKey from "./ConfigKey.ts"
import type { ScalarKind } from "./ConfigValue.ts"
import type { Path } from "./Toml.ts"
import * as Toml from "./Toml.ts"

/** A value that takes precedence over the file's. */
export interface Override {
  /** The top-level key that is set. */
  readonly key: string
  readonly value: unknown
  /** The flag or environment variable, as an error names it. */
  readonly from: string
  /** Flags take precedence over environment variables. */
  readonly by: "flag" | "env"
}

/** What is decoded besides the text of the file. */
export interface DecodeOptions {
  /** How errors name the file. */
  readonly file?: string | undefined
  readonly overrides?: ReadonlyArray<Override> | undefined
  /** Keys of the file that are passed over, so that the others can be looked at. */
  readonly without?: ReadonlySet<string> | undefined
}

/** Precedence of the source of a key: 0 none, 1 the file, 2 the environment, 3 a flag. */
export type Rank = 0 | 1 | 2 | 3

/** A decoded configuration, and where each part of it comes from. */
export interface Decoded<A> {
  readonly value: A
  readonly rank: (key: string) => Rank
  /** The file and line, environment variable or flag of a part; empty if there is no file. */
  readonly where: (path: Path) => string
  /** The value of a key before decoding, from the source of highest precedence. */
  readonly given: (key: string) => unknown
}

/** The keys of a Struct, for suggestions. */
const keysOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map((signature) => String(signature.name)) : []

const expectedOf = (ast: SchemaAST.AST, key: PropertyKey): string | undefined => {
  if (ast._tag !== "Objects") return undefined
  const signature = ast.propertySignatures.find((one) => one.name === key)
  const description = signature?.type.context?.annotations?.description
  return typeof description === "string" ? description : undefined
}

const namePath = (path: Path): string => path.filter((part) => typeof part === "string").join(".")

/** A problem before its place is looked up. */
interface PathProblem {
  readonly path: Path
  readonly problem: (where: string, source: Override | undefined) => ConfigProblem
}

const invalid = (path: Path, detail: string): PathProblem => ({
  path,
  problem: (where, source) => ({
    code: source?.by === "flag" ? "PTTH_USAGE" : "PTTH_CONFIG_INVALID",
    where,
    // `where` already names the flag or variable.
    detail: source === undefined ? `\`${namePath(path)}\`: ${detail}` : detail,
  }),
})

const missingKey = (path: Path, expected: string | undefined): PathProblem => ({
  path: path.slice(0, -1),
  problem: (where) => ({
    code: "PTTH_CONFIG_INCOMPLETE",
    where,
    detail: `\`${namePath(path)}\` is missing: ${expected ?? "it is needed"}`,
  }),
})

const unknownKey = (path: Path, keys: ReadonlyArray<string>): PathProblem => {
  const name = String(path[path.length - 1])
  const guess = nearest(name, keys) ?? keys.find((key) => name.startsWith(`${key}_`))
  return {
    path,
    problem: (where) => ({
      code: "PTTH_CONFIG_UNKNOWN_KEY",
      where,
      detail: `there is no key \`${namePath(path)}\``,
      remedy:
        guess === undefined ? `Possible here: ${keys.join(", ")}.` : `Did you mean \`${guess}\`?`,
    }),
  }
}

/** The first problem of each path. */
const firstPerPath = (problems: ReadonlyArray<PathProblem>): ReadonlyArray<PathProblem> => {
  const paths = new Set<string>()
  return problems.filter(({ path }) => {
    const id = JSON.stringify(path)
    return !paths.has(id) && paths.add(id)
  })
}

const collect = (
  issue: SchemaIssue.Issue,
  path: Path,
  parent: SchemaAST.AST | undefined,
  expected: string | undefined,
): ReadonlyArray<PathProblem> => {
  switch (issue._tag) {
    case "Filter":
    case "Encoding":
      return collect(issue.issue, path, parent, expected)
    case "Pointer": {
      const last = issue.path[issue.path.length - 1] as PropertyKey
      const inner = [...path, ...(issue.path as Path)]
      const own = parent === undefined ? undefined : expectedOf(parent, last)
      return collect(issue.issue, inner, parent, own ?? expected)
    }
    case "Composite":
      return firstPerPath(issue.issues.flatMap((one) => collect(one, path, issue.ast, expected)))
    case "MissingKey":
      return [missingKey(path, expected)]
    case "UnexpectedKey":
      return [unknownKey(path, keysOf(parent ?? issue.ast))]
    default: {
      const message =
        issue._tag === "InvalidValue"
          ? (issue.annotations?.message as string | undefined)
          : undefined
      return [invalid(path, message ?? `expected ${expected ?? "another value"}`)]
    }
  }
}

/** An error with these problems in the order of their lines, if there are any. */
export const failing = (problems: ReadonlyArray<ConfigProblem>): ConfigError | undefined => {
  const [first, ...rest] = inOrder(problems)
  return first === undefined ? undefined : new ConfigError({ problems: [first, ...rest] })
}

/** Overrides by their keys; a flag replaces an environment variable. */
const byKey = (overrides: ReadonlyArray<Override>): ReadonlyMap<string, Override> =>
  new Map(
    (["env", "flag"] as const).flatMap((by) =>
      overrides.filter((one) => one.by === by).map((one) => [one.key, one]),
    ),
  )

const withoutKeys = (
  document: Toml.Document,
  without: ReadonlySet<string> | undefined,
): Toml.Document =>
  without === undefined
    ? document
    : {
        ...document,
        table: Object.fromEntries(
          Object.entries(document.table).filter(([key]) => !without.has(key)),
        ),
      }

/** Decodes a configuration by its rows. All problems are collected; they never repeat a value. */
export const decoder = <const Rows extends ConfigKey.ConfigRows>(rows: Rows) => {
  const keys = Object.values(rows)
  const printable = new Set(
    keys.filter((key) => key.secret !== true && key.value.kind !== "table").map(({ name }) => name),
  )
  const decodeTable = SchemaParser.decodeUnknownResult(ConfigKey.struct(rows), {
    errors: "all",
    onExcessProperty: "error",
  })
  return (
    text: string,
    options: DecodeOptions = {},
  ): Result.Result<Decoded<ConfigKey.ConfigValues<Rows>>, ConfigError> => {
    const file = options.file ?? "configuration"
    const parsed = Toml.parse(text, { file, printable })
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    const document = withoutKeys(parsed.success, options.without)
    const sources = byKey(options.overrides ?? [])
    const table: { readonly [key: string]: unknown } = {
      ...document.table,
      ...Object.fromEntries([...sources].map(([key, { value }]) => [key, value])),
    }
    const where = (path: Path): string => {
      const source = sources.get(String(path[0]))
      if (source !== undefined) return source.from
      const position = document.position(path)
      if (position !== undefined) return `${file}:${position.line}`
      return options.file ?? ""
    }
    const decoded = decodeTable(table)
    if (Result.isFailure(decoded)) {
      const problems = collect(decoded.failure, [], undefined, undefined).map(
        ({ path, problem }): ConfigProblem => ({
          ...problem(where(path), sources.get(String(path[0]))),
          ...(path[0] === undefined ? {} : { key: String(path[0]) }),
        }),
      )
      return Result.fail(failing(problems) as ConfigError)
    }
    const rank = (key: string): Rank => {
      const source = sources.get(key)
      if (source !== undefined) return source.by === "flag" ? 3 : 2
      return Object.hasOwn(document.table, key) ? 1 : 0
    }
    const value = ConfigKey.values(rows, decoded.success)
    return Result.succeed({ value, rank, where, given: (key) => table[key] })
  }
}

/** The value that the text of an environment variable or flag stands for; a text that does not fit stays as it is. */
export const fromText = (kind: ScalarKind, text: string): unknown => {
  switch (kind) {
    case "text":
      return text
    case "number":
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
    case "boolean":
      return /^(?:true|1|yes|on)$/i.test(text)
        ? true
        : /^(?:false|0|no|off)$/i.test(text)
          ? false
          : text
    case "list":
      return CommaList.split(text)
  }
}

/** The environment variable of a key: the prefix and the key in capitals. */
export const variableOf = (prefix: string, key: string): string => `${prefix}${key.toUpperCase()}`

/**
 * The overrides that environment variables make. Empty ones count as unset, and
 * so does `PORT` with a URL: Kubernetes sets it to `tcp://…` for a service.
 */
export const fromEnvironment = (
  prefix: string,
  rows: ConfigKey.ConfigRows,
  env: { readonly [name: string]: string | undefined },
): ReadonlyArray<Override> =>
  Object.values(rows).flatMap(({ name: key, value: { kind } }): ReadonlyArray<Override> => {
    const from = variableOf(prefix, key)
    const text = env[from]
    if (kind === "table" || text === undefined || text === "") return []
    if (key === "port" && /^(?:tcp|udp|sctp):\/\//.test(text)) return []
    return [{ key, value: fromText(kind, text), from, by: "env" }]
  })
