/**
 * Sends small responses to a classic 2 relay, several in one POST, because a POST
 * costs both ends several times as much as a small response in it. At most two
 * POSTs are under way at a time, so that under load the responses of a round trip
 * share one.
 */
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import type { Answer } from "../../protocol/Message.ts"
import { answersBytes, responsesPath } from "../../protocol/Wire.ts"
import type { Caller } from "../uplink/BackendIdentity.ts"
import * as ClassicFields from "./ClassicFields.ts"

interface Waiting {
  readonly answer: Answer
  /** Called once; whether the relay has the response. */
  readonly done: (taken: boolean) => void
}

/** A POST that takes longer than this, in milliseconds, is stuck if another connection proves to be dead. */
const stuckMillis = 10_000

/** How many POSTs are under way at a time. */
const maxPosts = 2

/** See the file's header. */
export class ClassicAnswers {
  private readonly options: Caller
  private readonly waiting: Array<Waiting> = []
  private posts = 0
  /** Those under way, each with a function that aborts it, and when it began in milliseconds of `performance.now`. */
  private readonly underWay = new Set<{ readonly abort: () => void; readonly since: number }>()
  private scheduled = false

  constructor(options: Caller) {
    this.options = options
  }

  /** Queues a response; the returned function removes it, unless it was sent already. */
  add(answer: Answer, done: Waiting["done"]): () => void {
    const waiting = { answer, done }
    this.waiting.push(waiting)
    this.schedule()
    return () => {
      const at = this.waiting.indexOf(waiting)
      if (at >= 0) this.waiting.splice(at, 1)
    }
  }

  /** Aborts the POSTs that have waited for long: their connections are as dead as another one was. */
  giveUpStuck(): void {
    const before = performance.now() - stuckMillis
    for (const { abort, since } of [...this.underWay]) if (since < before) abort()
  }

  private schedule(): void {
    if (this.scheduled || this.posts >= maxPosts) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.flush()
    })
  }

  private flush(): void {
    let bytes = 0
    let count = 0
    for (const { answer } of this.waiting) {
      if (count > 0 && bytes > answersBytes) break
      bytes += answer.bytes.length
      count += 1
    }
    const batch = this.waiting.splice(0, count)
    if (batch.length === 0) return
    this.posts += 1
    this.post(batch, Classic2.encodeAnswers(batch.map(({ answer }) => answer)))
    if (this.waiting.length > 0) this.schedule()
  }

  private post(batch: ReadonlyArray<Waiting>, bytes: Buffer): void {
    const { basePath, client } = this.options
    const end = (accepted: boolean): void => {
      if (!this.underWay.delete(post)) return
      this.posts -= 1
      for (const { done } of batch) done(accepted)
      if (this.waiting.length > 0) this.schedule()
    }
    const headers: HeaderList = [
      ...ClassicFields.fieldsOf(this.options),
      ["Content-Length", `${bytes.length}`],
    ]
    const cancel = client.sendWhole(
      { method: "POST", path: basePath + responsesPath, headers },
      bytes,
      {
        response: (response) => {
          response.on("error", () => {})
          response.resume()
          end(response.statusCode === 200)
        },
        failed: () => end(false),
      },
    )
    const post = {
      since: performance.now(),
      abort: () => {
        cancel()
        end(false)
      },
    }
    this.underWay.add(post)
  }
}
