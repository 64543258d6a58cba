/**
 * The messages between the server and the process that makes pictures smaller.
 */
import type { ThumbFormat } from "./ThumbFormat.ts"

/** A picture to make smaller. */
export interface ThumbJob {
  readonly bytes: Uint8Array
  /** The longer side, in pixels. */
  readonly size: number
  readonly format: ThumbFormat
}

/** A small picture. */
export interface Thumb {
  /** The media type. */
  readonly type: string
  readonly bytes: Uint8Array
}

/**
 * The answer to a {@link ThumbJob}: `failed` if the picture is not one or takes too much, `late` if
 * there was none in time, `unusable` if sharp cannot be loaded.
 */
export type ThumbAnswer = Thumb | "failed" | "late" | "unusable"
