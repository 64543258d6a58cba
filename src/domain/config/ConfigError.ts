/**
 * Errors of a configuration, from a file, the environment or flags. They never
 * repeat a value, since it may be a key in the wrong place.
 */
import * as Data from "effect/Data"
import type { ErrorCode } from "../ErrorRegistry.ts"
import { entry } from "../ErrorRegistry.ts"

/** The codes that a configuration can fail with. */
export type ConfigErrorCode = Extract<
  ErrorCode,
  | `PTTH_CONFIG_${string}`
  | "PTTH_USAGE"
  | "PTTH_KEY_WEAK"
  | "PTTH_ROOT_NOT_FOLDER"
  | "PTTH_INSECURE_RELAY"
  | "PTTH_ENGINE_UNAVAILABLE"
  | "PTTH_SIGN_IN_UNAVAILABLE"
>

/** One problem. */
export interface ConfigProblem {
  readonly code: ConfigErrorCode
  /** Where: `ptth_relay.toml:3`, `PTTH_RELAY_LISTEN`, `--listen`; empty if there is no place. */
  readonly where: string
  /** What is wrong, without a full stop. */
  readonly detail: string
  /** What to do, as a sentence; the registry's remedy by default. */
  readonly remedy?: string | undefined
  /** The key at the top of the file that has it, if one cannot be decoded. */
  readonly key?: string | undefined
  /** The line with a caret under the position, without secrets. */
  readonly frame?: string | undefined
}

/** A problem in one line: code, place, detail, remedy. */
export const describe = (problem: ConfigProblem): string => {
  const where = problem.where === "" ? "" : `${problem.where}: `
  return `${problem.code}: ${where}${problem.detail}. ${problem.remedy ?? entry(problem.code).remedy}`
}

/** The file and line of a place that has both. */
const lineOf = (where: string): { readonly file: string; readonly line: number } => {
  const [, file = where, line = "0"] = /^(.*?):(\d+)(?::\d+)?$/.exec(where) ?? []
  return { file, line: Number(line) }
}

/** Sorts problems by line within each file; the files, variables and flags stay in the order of their first problem. */
export const inOrder = (problems: ReadonlyArray<ConfigProblem>): ReadonlyArray<ConfigProblem> => {
  const places = problems.map((problem) => ({ problem, ...lineOf(problem.where) }))
  const files = [...new Set(places.map(({ file }) => file))]
  return files.flatMap((file) =>
    places
      .filter((place) => place.file === file)
      .sort((one, other) => one.line - other.line)
      .map(({ problem }) => problem),
  )
}

/** All problems of a configuration; the first one gives the code. */
export class ConfigError extends Data.TaggedError("ConfigError")<{
  readonly problems: readonly [ConfigProblem, ...ReadonlyArray<ConfigProblem>]
}> {
  /** The code of the first problem. */
  get code(): ConfigErrorCode {
    return this.problems[0].code
  }

  /** A line for each problem. */
  override get message(): string {
    return this.problems.map(describe).join("\n")
  }
}

/** An error with a single problem. */
export const single = (problem: ConfigProblem): ConfigError =>
  new ConfigError({ problems: [problem] })

/** An error of the command line; see {@link ConfigProblem}. */
export const usage = (where: string, detail: string, remedy?: string): ConfigError =>
  single({ code: "PTTH_USAGE", where, detail, remedy })
