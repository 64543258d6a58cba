/**
 * Lines that stay at the bottom of a terminal while other output goes on above
 * them. There is no alternate screen, so that all output can be scrolled back
 * to. Whatever this process writes to the terminal meanwhile, such as a log or
 * an error, first erases the lines.
 */
import { widthOf } from "../text/TerminalStyle.ts"

/** A stream that writes to the terminal. */
export interface AreaStream {
  readonly columns?: number
  readonly rows?: number
  write: (...args: Array<never>) => boolean
  on(event: "resize", listener: () => void): unknown
  off(event: "resize", listener: () => void): unknown
}

type Write = (chunk: string | Uint8Array, ...rest: ReadonlyArray<unknown>) => boolean

/** The size of a terminal that does not tell it. */
const usualColumns = 80
const usualRows = 24

const lineFeed = 10

const endsLine = (chunk: string | Uint8Array): boolean =>
  typeof chunk === "string" ? chunk.endsWith("\n") : chunk.at(-1) === lineFeed

const isEmpty = (chunk: string | Uint8Array): boolean => chunk.length === 0

/** See the file's header. */
export class LiveArea {
  private readonly stream: AreaStream
  private readonly others: ReadonlyArray<AreaStream>
  private readonly render: (columns: number, rows: number) => ReadonlyArray<string>
  private readonly originals = new Map<AreaStream, AreaStream["write"]>()
  private readonly redraw = (): void => this.update()
  /** What is shown. */
  private shown: ReadonlyArray<string> = []
  /** Whether the cursor is at the beginning of a line, where the lines can be. */
  private isAtStart = true

  /**
   * @param stream on which the lines are drawn
   * @param others further streams to the same terminal
   * @param render the lines, each shorter than the number of columns
   */
  constructor(
    stream: AreaStream,
    others: ReadonlyArray<AreaStream>,
    render: (columns: number, rows: number) => ReadonlyArray<string>,
  ) {
    this.stream = stream
    this.others = others
    this.render = render
  }

  /** Draws the lines, and from now on keeps other output above them. */
  open(): void {
    for (const stream of [this.stream, ...this.others]) this.wrap(stream)
    this.stream.on("resize", this.redraw)
    this.update()
  }

  /** Erases the lines, and leaves the streams as they were. */
  close(): void {
    if (this.originals.size === 0) return
    this.stream.off("resize", this.redraw)
    this.erase()
    for (const [stream, write] of this.originals) stream.write = write
    this.originals.clear()
  }

  /** Redraws the lines, with further output above them. */
  update(above: ReadonlyArray<string> = []): void {
    if (this.originals.size === 0) return
    const { columns, rows } = this.size
    const next = this.isAtStart ? this.render(columns, rows) : []
    const isSame = above.length === 0 && next.join("\n") === this.shown.join("\n")
    if (isSame) return
    const text = this.erasure() + above.map((line) => `${line}\n`).join("") + next.join("\n")
    this.shown = next
    if (text !== "") this.write(text)
  }

  /** Sends a sequence that shows nothing, such as one for the clipboard. */
  control(sequence: string): void {
    this.write(sequence)
  }

  private get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.stream
    return { columns: columns || usualColumns, rows: rows || usualRows }
  }

  private wrap(stream: AreaStream): void {
    const original = stream.write
    this.originals.set(stream, original)
    const write = original.bind(stream) as unknown as Write
    const wrapped: Write = (chunk, ...rest) => {
      if (isEmpty(chunk)) return write(chunk, ...rest)
      this.erase()
      const isReady = write(chunk, ...rest)
      this.isAtStart = endsLine(chunk)
      this.update()
      return isReady
    }
    stream.write = wrapped as unknown as AreaStream["write"]
  }

  /** Writes without erasing first. */
  private write(text: string): void {
    const original = this.originals.get(this.stream)
    if (original === undefined) return
    const write = original.bind(this.stream) as unknown as Write
    write(text)
  }

  private erase(): void {
    const text = this.erasure()
    this.shown = []
    if (text !== "") this.write(text)
  }

  /** Moves the cursor to the beginning of the first line, and erases from there (ECMA-48 CUU, ED). */
  private erasure(): string {
    if (this.shown.length === 0) return ""
    const { columns } = this.size
    // A terminal that has become narrower has broken longer lines.
    const rows = this.shown.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)),
      0,
    )
    return `\r${rows > 1 ? `\u001b[${rows - 1}A` : ""}\u001b[J`
  }
}
