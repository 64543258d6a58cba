/**
 * How a configuration is read, whichever it is: the document of its file, laid
 * over by environment variables and flags, goes through a Schema, and each
 * issue becomes a problem that names its file and line, variable or flag.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as CommaList from "./CommaList.ts"
import type { ConfigProblem } from "./ConfigError.ts"
import { ConfigError } from "./ConfigError.ts"
import { nearest } from "./Nearest.ts"
import type { Path } from "./Toml.ts"
import * as Toml from "./Toml.ts"

/** A value that beats the file's. */
export interface Override {
  /** The top-level key that is set. */
  readonly key: string
  readonly value: unknown
  /** The flag or environment variable, as an error names it. */
  readonly from: string
  /** Flags beat environment variables. */
  readonly by: "flag" | "env"
}

/** What is decoded beside the text of the file. */
export interface DecodeOptions {
  /** How errors name the file. */
  readonly file?: string | undefined
  readonly overrides?: ReadonlyArray<Override> | undefined
}

/** How strong the source of a key is: 0 none, 1 the file, 2 the environment, 3 a flag. */
export type Rank = 0 | 1 | 2 | 3

/** A decoded document and how to complain about a part of it. */
export interface Decoded<A> {
  readonly value: A
  readonly rank: (key: string) => Rank
  readonly where: (path: Path) => string
  /** What the strongest source says of a key, before it is read. */
  readonly given: (key: string) => unknown
}

/**
 * A key that may be left out. `expected` completes "expected …" and is what is
 * said of every value that does not fit.
 */
export const field = <S extends Schema.Top>(schema: S, expected: string) =>
  Schema.optionalKey(schema).annotateKey({ description: expected })

/** A key that must be there. */
export const required = <S extends Schema.Top>(schema: S, expected: string) =>
  schema.annotateKey({ description: expected })

/** A schema that reads text (or whatever `from` is) by a function; `undefined` refuses. */
export const reading = <From extends Schema.Top, A>(
  from: From,
  read: (raw: From["Type"]) => A | undefined,
) =>
  from.pipe(
    Schema.decodeTo(
      Schema.declare<A>((_u): _u is A => true),
      {
        decode: SchemaGetter.transformEffect<A, From["Type"]>((raw) => {
          const value = read(raw)
          return value === undefined
            ? Effect.fail(new SchemaIssue.InvalidValue())
            : Effect.succeed(value)
        }),
        encode: SchemaGetter.forbiddenEncoding,
      },
    ),
  )

const units: ReadonlyArray<readonly [pattern: RegExp, millis: number]> = [
  [/^(?:ms|millis|milliseconds?)$/, 1],
  [/^(?:|s|sec|secs|seconds?)$/, 1000],
  [/^(?:m|min|mins|minutes?)$/, 60_000],
  [/^(?:h|hours?)$/, 3_600_000],
]

const longest = 7 * 24 * 3_600_000

const readDuration = (raw: number | string): Duration.Duration | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(String(raw).trim())
  if (match === null) return undefined
  const unit = units.find(([pattern]) => pattern.test(match[2] as string))
  if (unit === undefined) return undefined
  const millis = Number(match[1]) * unit[1]
  return millis <= longest ? Duration.millis(millis) : undefined
}

/** Seconds as a number, or a text with its unit, at most 7 days; zero is allowed. */
export const DurationOrZero = reading(Schema.Union([Schema.Number, Schema.String]), readDuration)

/** As {@link DurationOrZero}, but more than zero. */
export const PositiveDuration = reading(Schema.Union([Schema.Number, Schema.String]), (raw) => {
  const duration = readDuration(raw)
  return duration === undefined || Duration.isZero(duration) ? undefined : duration
})

/** What durations are expected to be, for messages. */
export const expectedDuration = 'seconds as a number, or a text such as "30 s" or "5 min"'

/** The keys of a Struct, for suggestions. */
export const keysOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map((signature) => String(signature.name)) : []

const expectedOf = (ast: SchemaAST.AST, key: PropertyKey): string | undefined => {
  if (ast._tag !== "Objects") return undefined
  const signature = ast.propertySignatures.find((one) => one.name === key)
  const description = signature?.type.context?.annotations?.description
  return typeof description === "string" ? description : undefined
}

const namePath = (path: Path): string => path.filter((part) => typeof part === "string").join(".")

interface Found {
  readonly path: Path
  readonly problem: (where: string, source: Override | undefined) => ConfigProblem
}

const invalid = (path: Path, complaint: string): Found => ({
  path,
  problem: (where, source) => ({
    code: source?.by === "flag" ? "PTTH_USAGE" : "PTTH_CONFIG_INVALID",
    where,
    // A flag or variable is named already.
    detail: source === undefined ? `\`${namePath(path)}\`: ${complaint}` : complaint,
  }),
})

const collect = (
  issue: SchemaIssue.Issue,
  path: Path,
  parent: SchemaAST.AST | undefined,
  expected: string | undefined,
): ReadonlyArray<Found> => {
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
    case "Composite": {
      const found = issue.issues.flatMap((one) => collect(one, path, issue.ast, expected))
      const seen = new Set<string>()
      return found.filter((one) => {
        const id = JSON.stringify(one.path)
        return !seen.has(id) && seen.add(id)
      })
    }
    case "MissingKey": {
      const missing = namePath(path)
      return [
        {
          path: path.slice(0, -1),
          problem: (where) => ({
            code: "PTTH_CONFIG_INCOMPLETE",
            where,
            detail: `\`${missing}\` is missing: ${expected ?? "it is needed"}`,
          }),
        },
      ]
    }
    case "UnexpectedKey": {
      const key = String(path[path.length - 1])
      const guess = nearest(key, keysOf(parent ?? issue.ast))
      return [
        {
          path,
          problem: (where) => ({
            code: "PTTH_CONFIG_UNKNOWN_KEY",
            where,
            detail: `there is no key \`${namePath(path)}\``,
            remedy:
              guess === undefined
                ? `Possible here: ${keysOf(parent ?? issue.ast).join(", ")}.`
                : `Did you mean \`${guess}\`?`,
          }),
        },
      ]
    }
    default: {
      const message =
        issue._tag === "InvalidValue"
          ? (issue.annotations?.message as string | undefined)
          : undefined
      return [invalid(path, message ?? `expected ${expected ?? "another value"}`)]
    }
  }
}

/** An error made of problems, where there are any. */
export const failing = (problems: ReadonlyArray<ConfigProblem>): ConfigError | undefined => {
  const [first, ...rest] = problems
  return first === undefined ? undefined : new ConfigError({ problems: [first, ...rest] })
}

/**
 * Decodes a configuration by the schema of its keys. All problems are
 * collected. Values are never repeated in them.
 *
 * @param secrets keys whose values must not be shown in a frame
 */
export const decodeWith = <
  S extends Schema.ConstraintDecoder<unknown> & { readonly ast: SchemaAST.AST },
>(
  schema: S,
  secrets: ReadonlySet<string>,
) => {
  const keys = keysOf(schema.ast)
  const shown = new Set(keys.filter((key) => !secrets.has(key)))
  const decodeTable = SchemaParser.decodeUnknownResult(schema, {
    errors: "all",
    onExcessProperty: "error",
  })
  return (
    text: string,
    options: DecodeOptions = {},
  ): Result.Result<Decoded<S["Type"]>, ConfigError> => {
    const file = options.file ?? "configuration"
    const parsed = Toml.parse(text, { file, shown })
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    const document = parsed.success
    const table: Record<string, unknown> = { ...document.table }
    const sources = new Map<string, Override>()
    for (const by of ["env", "flag"] as const) {
      for (const override of options.overrides ?? []) {
        if (override.by !== by) continue
        table[override.key] = override.value
        sources.set(override.key, override)
      }
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
      const problems = collect(decoded.failure, [], undefined, undefined).map((found) =>
        found.problem(where(found.path), sources.get(String(found.path[0]))),
      )
      return Result.fail(failing(problems) as ConfigError)
    }
    const rank = (key: string): Rank => {
      const source = sources.get(key)
      if (source !== undefined) return source.by === "flag" ? 3 : 2
      return Object.hasOwn(document.table, key) ? 1 : 0
    }
    return Result.succeed({ value: decoded.success, rank, where, given: (key) => table[key] })
  }
}

/** How the text of an environment variable becomes a value: as text, a number, a switch, or a list with commas. */
export type ScalarKind = "text" | "number" | "switch" | "list"

const readScalar = (kind: ScalarKind, text: string): unknown => {
  switch (kind) {
    case "text":
      return text
    case "number":
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
    case "switch":
      return /^(?:true|1|yes|on)$/i.test(text)
        ? true
        : /^(?:false|0|no|off)$/i.test(text)
          ? false
          : text
    case "list":
      return CommaList.split(text)
  }
}

/** The environment variable of a key: `PTTH_RELAY_` and the key in capitals. */
export const variableOf = (prefix: string, key: string): string => `${prefix}${key.toUpperCase()}`

/**
 * The overrides that environment variables make. Empty ones count as unset, and
 * so do the `tcp://…` ones that container systems invent for a service's port.
 */
export const fromEnvironment = (
  prefix: string,
  kinds: { readonly [key: string]: ScalarKind },
  env: { readonly [name: string]: string | undefined },
): ReadonlyArray<Override> =>
  Object.entries(kinds).flatMap(([key, kind]): ReadonlyArray<Override> => {
    const from = variableOf(prefix, key)
    const text = env[from]
    if (text === undefined || text === "") return []
    if (key === "port" && /^(?:tcp|udp|sctp):\/\//.test(text)) return []
    return [{ key, value: readScalar(kind, text), from, by: "env" }]
  })
