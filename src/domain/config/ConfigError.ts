/**
 * What is wrong with a configuration, wherever it came from: a file, the
 * environment or flags. Nothing in it repeats a value, since any value may be
 * a key that somebody put in the wrong place.
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
>

/** One thing that is wrong. */
export interface ConfigProblem {
  readonly code: ConfigErrorCode
  /** Where: `ptth_relay.toml:3`, `PTTH_RELAY_LISTEN`, `--listen`; empty if it is nowhere in particular. */
  readonly where: string
  /** What is wrong, as a sentence without a full stop. */
  readonly detail: string
  /** What to do, as a sentence; the registry's if there is no better one. */
  readonly remedy?: string | undefined
  /** The line that is meant with a caret under the place, without values. */
  readonly frame?: string | undefined
}

/** A problem in one line: code, place, what is wrong, what to do. */
export const describe = (problem: ConfigProblem): string => {
  const where = problem.where === "" ? "" : `${problem.where}: `
  return `${problem.code}: ${where}${problem.detail}. ${problem.remedy ?? entry(problem.code).remedy}`
}

/** Everything that is wrong with a configuration; the first problem gives the code. */
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
