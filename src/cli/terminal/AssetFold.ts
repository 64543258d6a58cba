/**
 * Folds what pages load by themselves (scripts, styles, pictures) into one line.
 */
import * as Format from "../../web/Format.ts"
import type { WatchedRequest } from "./WatchedRequest.ts"

/** See the file's header. */
export class AssetFold {
  private count = 0
  private bytes = 0

  /** Whether the request is folded. What failed is not. */
  take(request: WatchedRequest): boolean {
    const { bytesOut, ending, isAsset, status = 0 } = request
    if (!isAsset || ending === "broken" || status >= 400 || status < 200) return false
    this.count += 1
    this.bytes += bytesOut
    return true
  }

  /** What is folded; `undefined` if nothing is. */
  get line(): string | undefined {
    const { bytes, count } = this
    return count === 0
      ? undefined
      : `+ ${count} asset${count === 1 ? "" : "s"}  ${Format.bytes(bytes)}`
  }

  /** The same, and starts again. */
  unfold(): string | undefined {
    const { line } = this
    this.count = 0
    this.bytes = 0
    return line
  }
}
