/**
 * The lines that a relay or server of a test logs.
 */
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

/** Lines that were logged, without their annotations. */
export type Lines = ReadonlyArray<string>

/** Captures log lines instead of printing them. */
export const capture = (lines: Array<string>): Layer.Layer<never> =>
  Logger.layer([
    Logger.make<unknown, void>(({ message }) => {
      lines.push([message].flat().join(" "))
    }),
  ])
