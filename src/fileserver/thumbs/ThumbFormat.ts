/**
 * In which format a thumbnail is sent: the one that the Accept field names with
 * the greatest weight. WebP comes before AVIF, which takes several times as
 * long to make and is hardly smaller at these sizes.
 */
import * as Accept from "../../web/Accept.ts"

/** A format; `auto` is JPEG, or PNG for a picture with transparent parts. */
export type ThumbFormat = "webp" | "avif" | "jpeg" | "png" | "auto"

const named = ["webp", "avif", "jpeg", "png"] as const

/** The format for an Accept field. */
export const choose = (accept: string | undefined): ThumbFormat => {
  let best: ThumbFormat = "auto"
  let bestWeight = 0
  for (const format of named) {
    const weight = Accept.weight(accept, `image/${format}`)
    if (weight <= bestWeight) continue
    best = format
    bestWeight = weight
  }
  return best
}
