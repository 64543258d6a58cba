/**
 * Tells open pages by server-sent events that their content has changed. Each
 * page then refetches itself.
 */
import { networkOf, spares } from "../../domain/visitor/FairShare.ts"
import type { Body, BodySink } from "../../transport/body/Body.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"

/** How often the content is compared, in milliseconds. */
export const compareMillis = 1_000

/** After how many comparisons without a change a comment is sent, so that proxies do not time out. */
const quietComparisons = 15

/** How many pages may be open at once. */
export const maxOpen = 200

const change = Buffer.from("event: change\ndata:\n\n")
const comment = Buffer.from(":\n\n")

interface OpenPage {
  readonly sink: BodySink
  /** That of its visitor: an IPv4 /24, an IPv6 /48. */
  readonly network: string
  /** Whether its connection accepts bytes now. */
  ready: boolean
  /** Whether a change could not be sent. */
  behind: boolean
}

/** See the file's header. */
export class LiveUpdates {
  private readonly deadlines: Deadlines
  private readonly content: (done: (text: string) => void) => void
  private readonly pages = new Set<OpenPage>()
  private timer: Deadline | undefined
  /** What the pages showed when they were last compared; `undefined` before the first time. */
  private last: string | undefined
  private quiet = 0
  private closed = false

  /** @param content calls `done` with all that the pages show, as a text that differs whenever they do */
  constructor(deadlines: Deadlines, content: (done: (text: string) => void) => void) {
    this.deadlines = deadlines
    this.content = content
  }

  /**
   * The events of a page that is being opened; `undefined` if too many are open, or after `close`.
   * Of too many, the network with the most loses one for another network.
   *
   * @param visitor the address of who opens it
   */
  open(visitor = ""): Body | undefined {
    const network = networkOf(visitor)
    if (this.closed || !this.makeRoom(network)) return undefined
    return {
      length: undefined,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        const page: OpenPage = { sink, network, ready: true, behind: false }
        if (this.pages.size === 0) {
          this.last = undefined
          this.content((text) => {
            this.last ??= text
          })
        }
        this.pages.add(page)
        // The head goes out with the first bytes.
        queueMicrotask(() => this.pages.has(page) && this.send(page, comment))
        this.arm()
        return {
          resume: () => {
            page.ready = true
            if (page.behind) this.send(page, change)
          },
          cancel: () => this.remove(page),
        }
      },
    }
  }

  /** Ends the events of all pages. */
  close(): void {
    this.closed = true
    for (const page of [...this.pages]) {
      this.remove(page)
      page.sink.end([])
    }
  }

  private makeRoom(asking: string): boolean {
    if (this.pages.size < maxOpen) return true
    const [oldest] = spares(this.pages, asking)
    if (oldest === undefined) return false
    this.remove(oldest)
    oldest.sink.end([])
    return true
  }

  private arm(): void {
    this.timer ??= this.deadlines.set(compareMillis, () => {
      this.content((text) => {
        this.timer = undefined
        if (this.pages.size === 0) return
        this.compare(text)
        this.arm()
      })
    })
  }

  private compare(now: string): void {
    const changed = now !== (this.last ?? now)
    this.last = now
    this.quiet = changed ? 0 : this.quiet + 1
    if (!changed && this.quiet < quietComparisons) return
    this.quiet = 0
    for (const page of [...this.pages]) this.send(page, changed ? change : comment)
  }

  private send(page: OpenPage, bytes: Uint8Array): void {
    page.behind = !page.ready && (page.behind || bytes === change)
    if (page.ready) page.ready = page.sink.data(bytes)
  }

  private remove(page: OpenPage): void {
    this.pages.delete(page)
    if (this.pages.size > 0) return
    this.timer?.clear()
    this.timer = undefined
  }
}
