/**
 * Tells pages that are open that what they show has changed, by server-sent
 * events. What has changed they find out by loading themselves again.
 */
import type { Body, BodySink } from "../../transport/body/Body.ts"
import type { Deadline, Deadlines } from "../../transport/runtime/Deadlines.ts"

/** How often it is looked whether something has changed, in milliseconds. */
export const lookMillis = 1_000

/** After how many looks without a change something is said all the same, so that proxies do not give up. */
const quietLooks = 15

/** How many pages may be open at once. */
export const maxOpen = 200

const change = Buffer.from("event: change\ndata:\n\n")
const nothing = Buffer.from(":\n\n")

interface Page {
  readonly sink: BodySink
  /** Whether it takes something now. */
  ready: boolean
  /** Whether it has missed a change. */
  behind: boolean
}

/** See the file's header. */
export class LiveUpdates {
  private readonly deadlines: Deadlines
  private readonly shown: () => string
  private readonly pages = new Set<Page>()
  private timer: Deadline | undefined
  private last = ""
  private quiet = 0
  private closed = false

  /** @param shown all that the pages show, as a text that is different when they are */
  constructor(deadlines: Deadlines, shown: () => string) {
    this.deadlines = deadlines
    this.shown = shown
  }

  /** Events for a page that is opened; nothing if there are too many, or it is over. */
  open(): Body | undefined {
    if (this.closed || this.pages.size >= maxOpen) return undefined
    return {
      length: undefined,
      whole: undefined,
      discard: () => {},
      read: (sink) => {
        const page: Page = { sink, ready: true, behind: false }
        if (this.pages.size === 0) this.last = this.shown()
        this.pages.add(page)
        // The head goes out with the first bytes.
        queueMicrotask(() => this.pages.has(page) && this.send(page, nothing))
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

  /** Ends all of them. */
  close(): void {
    this.closed = true
    for (const page of [...this.pages]) {
      this.remove(page)
      page.sink.end([])
    }
  }

  private arm(): void {
    this.timer ??= this.deadlines.set(lookMillis, () => {
      this.timer = undefined
      this.look()
      if (this.pages.size > 0) this.arm()
    })
  }

  private look(): void {
    const now = this.shown()
    const changed = now !== this.last
    this.last = now
    this.quiet = changed ? 0 : this.quiet + 1
    if (!changed && this.quiet < quietLooks) return
    this.quiet = 0
    for (const page of [...this.pages]) this.send(page, changed ? change : nothing)
  }

  private send(page: Page, what: Uint8Array): void {
    page.behind = !page.ready && (page.behind || what === change)
    if (page.ready) page.ready = page.sink.data(what)
  }

  private remove(page: Page): void {
    this.pages.delete(page)
    if (this.pages.size > 0) return
    this.timer?.clear()
    this.timer = undefined
  }
}
