/**
 * A terminal's screen for tests: text, line feeds, carriage returns, and the two
 * sequences by which lines are erased (ECMA-48 CUU, ED). It has no height.
 */

/** See the file's header. */
export class TerminalScreen {
  columns: number
  rows = 24
  isTTY = true
  private lines: Array<string> = [""]
  private row = 0
  private column = 0
  private readonly resizeListeners = new Set<() => void>()

  constructor(columns: number) {
    this.columns = columns
  }

  write(chunk: string | Uint8Array): boolean {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8")
    for (const [part] of text.matchAll(/\u001b\[[0-9;]*[A-Za-z]|./gsu)) this.put(part)
    return true
  }

  on(_: "resize", listener: () => void): void {
    this.resizeListeners.add(listener)
  }

  off(_: "resize", listener: () => void): void {
    this.resizeListeners.delete(listener)
  }

  /** The lines so far, without those that are empty at the end. */
  get text(): string {
    return this.lines.join("\n").trimEnd()
  }

  /** Makes it narrower, and breaks the lines that are too long, as terminals do. */
  narrowTo(columns: number): void {
    const { lines } = this
    this.columns = columns
    this.lines = [""]
    this.row = 0
    this.column = 0
    for (const letter of lines.join("\n")) this.put(letter)
    for (const listener of this.resizeListeners) listener()
  }

  private put(part: string): void {
    if (part === "\r") this.column = 0
    else if (part === "\n") {
      this.row += 1
      this.column = 0
      this.lines[this.row] ??= ""
    } else if (part.endsWith("A") && part.startsWith("\u001b"))
      this.row = Math.max(0, this.row - Number(part.slice(2, -1)))
    else if (part === "\u001b[J") {
      this.lines = this.lines.slice(0, this.row + 1)
      this.lines[this.row] = (this.lines[this.row] as string).slice(0, this.column)
    } else if (!part.startsWith("\u001b")) {
      if (this.column === this.columns) this.put("\n")
      const line = (this.lines[this.row] as string).padEnd(this.column)
      this.lines[this.row] = line.slice(0, this.column) + part + line.slice(this.column + 1)
      this.column += 1
    }
  }
}
