/**
 * Sends small responses to a classic 2 relay, several in one POST, because a POST
 * costs both ends several times as much as a small response in it. At most two
 * POSTs are under way at a time, so that under load the responses of a round trip
 * share one.
 */
import * as Redacted from "effect/Redacted"
import type { ApiKey } from "../../domain/ApiKey.ts"
import type { HeaderList } from "../../domain/HeaderList.ts"
import * as Classic2 from "../../protocol/Classic2.ts"
import type { Answer } from "../../protocol/Message.ts"
import { answersBytes, responsesPath, version2 } from "../../protocol/Wire.ts"
import type { Client } from "../../transport/net/NodeClient.ts"

/** The relay. */
export interface ClassicAnswersOptions {
  readonly client: Client
  readonly basePath: string
  readonly apiKey: ApiKey
}

interface Waiting {
  readonly answer: Answer
  /** Called once; whether the relay has the response. */
  readonly done: (taken: boolean) => void
}

/** How many POSTs are under way at a time. */
const maxPosts = 2

/** See the file's header. */
export class ClassicAnswers {
  private readonly options: ClassicAnswersOptions
  private readonly waiting: Array<Waiting> = []
  private posts = 0
  private scheduled = false

  constructor(options: ClassicAnswersOptions) {
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
    const { apiKey, basePath, client } = this.options
    const end = (taken: boolean): void => {
      this.posts -= 1
      for (const { done } of batch) done(taken)
      if (this.waiting.length > 0) this.schedule()
    }
    const headers: HeaderList = [
      ["Host", client.host],
      ["X-ApiKey", Redacted.value(apiKey)],
      ["X-PTTH-Version", version2],
      ["Content-Length", `${bytes.length}`],
    ]
    client.sendWhole({ method: "POST", path: basePath + responsesPath, headers }, bytes, {
      response: (response) => {
        response.on("error", () => {})
        response.resume()
        end(response.statusCode === 200)
      },
      failed: () => end(false),
    })
  }
}
