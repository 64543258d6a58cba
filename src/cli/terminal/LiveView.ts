/**
 * The live view on a terminal: the requests as they end, those that take long
 * in place, and below them the addresses and the state of the server.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { paint, styleOf, type TerminalStyle } from "../text/TerminalStyle.ts"
import { AssetFold } from "./AssetFold.ts"
import * as KeyInput from "./KeyInput.ts"
import { LiveArea } from "./LiveArea.ts"
import type { OwnerView } from "./OwnerView.ts"
import { RequestFeed } from "./RequestFeed.ts"
import * as RequestLine from "./RequestLine.ts"
import { ServiceList } from "./ServiceList.ts"
import * as StateLine from "./StateLine.ts"
import type { WatchedRequest } from "./WatchedRequest.ts"

/** How long changes are collected before they are shown, in milliseconds. */
const collectMillis = 100

/** How often what changes by itself is shown, in milliseconds. */
const tickMillis = 500

/** A request that has been running for so long is shown, in milliseconds. */
const longMillis = 1_000

/** How many requests are shown at most in `collectMillis`; further ones are counted. */
const mostLines = 20

/** How many running requests are shown at most; fewer on a low terminal. */
const mostRunning = 5

/** How long a notice is shown, in milliseconds. */
const noticeMillis = 3_000

/** The sequence that puts text into the clipboard (xterm control sequences, OSC 52). */
const copySequence = (text: string): string =>
  `\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`

class LiveView implements OwnerView {
  readonly isLive = true
  readonly feed: RequestFeed
  hasKeys = false
  isStopping = false
  private readonly now: () => number
  private readonly style: TerminalStyle
  private readonly area: LiveArea
  private readonly fold = new AssetFold()
  /** Lines that are not shown yet. */
  private pending: Array<string> = []
  /** How many more there were than are shown. */
  private skipped = 0
  private timer: NodeJS.Timeout | undefined
  private readonly services = new ServiceList(() => this.schedule(collectMillis))
  private notice: { readonly text: string; readonly until: number } | undefined

  constructor(now: () => number) {
    this.now = now
    this.style = styleOf(process.stdout)
    const others = process.stderr.isTTY === true ? [process.stderr] : []
    this.area = new LiveArea(process.stdout, others, (columns, rows) => this.lines(columns, rows))
    const onEnd = (request: WatchedRequest): void => this.ended(request)
    this.feed = new RequestFeed({ onBegin: () => this.schedule(collectMillis), onEnd }, now)
  }

  readonly serve: OwnerView["serve"] = (name) => ({
    ...this.services.add(name),
    watch: (handler) => this.feed.watch(handler, name),
  })

  open(): void {
    this.area.open()
  }

  readonly close = (): void => {
    this.flush()
    this.area.close()
    clearTimeout(this.timer)
  }

  readonly stopping = (): void => {
    this.isStopping = true
    this.flush()
  }

  /** Shows everything again, as after the process was suspended. */
  readonly refresh = (): void => this.area.update([""])

  readonly press = (key: string): void => {
    switch (key) {
      case "c":
        return this.copy()
      case "q":
        void this.showQr()
        return
      case "\t":
        this.services.next()
        return this.flush()
      case "\r":
        return this.area.update([""])
    }
  }

  private copy(): void {
    const { address } = this.services
    if (address === undefined) return
    this.area.control(copySequence(address))
    this.notice = { text: "copied", until: this.now() + noticeMillis }
    this.flush()
  }

  private async showQr(): Promise<void> {
    const { address } = this.services
    if (address === undefined) return
    const { render } = await import("../text/Qr.ts")
    this.area.update([...render(address, this.style).split("\n"), ` ${address}`])
  }

  private ended(request: WatchedRequest): void {
    if (!this.fold.take(request)) {
      if (this.pending.length < mostLines)
        this.pending.push(...this.unfolded(), this.lineOf(request))
      else this.skipped += 1
    }
    this.schedule(collectMillis)
  }

  private lineOf(request: WatchedRequest): string {
    return RequestLine.ended(request, this.style, this.width, this.services.size > 1)
  }

  /** How long lines may be: the last column would make some terminals begin another line. */
  private get width(): number {
    return (process.stdout.columns || 80) - 1
  }

  private schedule(millis: number): void {
    this.timer ??= setTimeout(() => this.flush(), millis).unref()
  }

  private flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const above = this.pending.splice(0)
    if (this.skipped > 0) above.push(this.aside(`and ${this.skipped} more requests`))
    this.skipped = 0
    this.area.update(above)
    if (this.changesByItself) this.schedule(tickMillis)
  }

  private unfolded(): ReadonlyArray<string> {
    const line = this.fold.unfold()
    return line === undefined ? [] : [this.aside(line)]
  }

  private aside(text: string): string {
    return paint(this.style, "dim", `           ${text}`.slice(0, this.width))
  }

  private get changesByItself(): boolean {
    return (
      this.feed.running.size > 0 ||
      this.notice !== undefined ||
      this.services.states.some(({ link }) => link?._tag === "Waiting")
    )
  }

  private lines(columns: number, rows: number): ReadonlyArray<string> {
    const now = this.now()
    const services = this.services.states
    if (services.length === 0) return []
    if (this.notice !== undefined && this.notice.until <= now) this.notice = undefined
    const width = columns - 1
    const { feed, fold } = this
    const long = [...feed.running].filter(({ at }) => now - at >= longMillis)
    const listed = long.slice(0, Math.min(mostRunning, Math.floor(rows / 3)))
    const more = long.length - listed.length
    const folded = fold.line
    let { bytesIn, bytesOut } = feed
    for (const request of feed.running) {
      bytesIn += request.bytesIn
      bytesOut += request.bytesOut
    }
    const state: StateLine.ServerState = {
      services,
      selected: this.services.selected,
      mostServices: Math.max(2, Math.floor(rows / 3)),
      isStopping: this.isStopping,
      requests: feed.requests,
      running: feed.running.size,
      bytesIn,
      bytesOut,
      notice: this.notice?.text,
      hasKeys: this.hasKeys,
    }
    return [
      ...(folded === undefined ? [] : [this.aside(folded)]),
      ...listed.map((request) =>
        RequestLine.running(request, now - request.at, this.style, width, services.length > 1),
      ),
      ...(more > 0 ? [this.aside(`and ${more} more running`)] : []),
      ...StateLine.lines(state, this.style, width),
    ]
  }
}

/** Shows the view until the Scope is closed. */
export const make: Effect.Effect<OwnerView, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const view = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const view = new LiveView(() => clock.currentTimeMillisUnsafe())
      process.on("SIGINT", view.stopping)
      process.on("SIGTERM", view.stopping)
      process.on("exit", view.close)
      view.open()
      return view
    }),
    (view) =>
      Effect.sync(() => {
        process.off("SIGINT", view.stopping)
        process.off("SIGTERM", view.stopping)
        process.off("exit", view.close)
        view.close()
      }),
  )
  view.hasKeys = yield* KeyInput.read(view.press, view.refresh)
  return view
})
