/**
 * The {@link BulkWindow} of each line: links of one process to the same end share
 * one, which is kept while there is such a link.
 */
import { BulkWindow } from "./BulkWindow.ts"

/** See the file's header. */
export class LineWindows {
  private readonly windows = new Map<string, BulkWindow>()

  /**
   * The window of a line, for a link that joins it at once.
   *
   * @param end names who is at the other end of the line
   */
  of(end: string): BulkWindow {
    const before = this.windows.get(end)
    if (before !== undefined) return before
    const window = new BulkWindow(
      () => performance.now(),
      () => this.windows.delete(end),
    )
    this.windows.set(end, window)
    return window
  }
}
