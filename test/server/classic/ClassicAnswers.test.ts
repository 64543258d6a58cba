/** How responses are joined into POSTs, with a relay that answers each when the test says so. */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { ApiKey } from "../../../src/domain/ApiKey.ts"
import type { RequestId } from "../../../src/domain/RequestId.ts"
import * as Classic2 from "../../../src/protocol/Classic2.ts"
import { ClassicAnswers } from "../../../src/server/classic/ClassicAnswers.ts"
import * as NodeClient from "../../../src/transport/client/NodeClient.ts"
import * as Harness from "../../support/Harness.ts"

/** A relay that takes answers when it is told to. */
const relay = Effect.acquireRelease(
  Effect.callback<{
    readonly posts: Array<ReadonlyArray<string>>
    readonly waiting: Array<(status: number) => void>
    readonly answers: ClassicAnswers
    readonly close: () => void
  }>((resume) => {
    const posts: Array<ReadonlyArray<string>> = []
    const waiting: Array<(status: number) => void> = []
    const server = http.createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const answers = Result.getOrThrow(Classic2.decodeAnswers(Buffer.concat(chunks)))
        posts.push(answers.map(({ bytes }) => bytes.toString()))
        waiting.push((status) => response.writeHead(status).end())
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      const client = NodeClient.make({
        origin: new URL(`http://127.0.0.1:${port}`),
        proxies: false,
      })
      const answers = new ClassicAnswers({
        client,
        basePath: "/7ZSFUKGV",
        apiKey: Redacted.make("a key of a test") as ApiKey,
        instance: "a process",
      })
      const close = (): void => {
        client.close()
        server.closeAllConnections()
        server.close()
      }
      resume(Effect.succeed({ posts, waiting, answers, close }))
    })
  }),
  ({ close }) => Effect.sync(close),
)

const answer = (text: string) => ({
  id: "01JD8Q6Z7M4V9C2K5T8XWNRE3A" as RequestId,
  head: { status: 200, headers: [] },
  bytes: Buffer.from(text),
})

it.effect(
  "responses that are ready in one turn of the event loop share a POST, and each learns its outcome",
  () =>
    Effect.gen(function* () {
      const { answers, posts, waiting } = yield* relay
      const outcomes: Array<boolean> = []
      for (const text of ["a", "b", "c"]) answers.add(answer(text), (taken) => outcomes.push(taken))
      yield* Harness.until("there is a POST", () => posts.length === 1)
      assert.deepStrictEqual(posts, [["a", "b", "c"]])
      assert.deepStrictEqual(outcomes, [])
      waiting[0]?.(200)
      yield* Harness.until("it is known", () => outcomes.length === 3)
      assert.deepStrictEqual(outcomes, [true, true, true])
    }),
)

it.effect("while two POSTs are under way other responses wait, and then share one", () =>
  Effect.gen(function* () {
    const { answers, posts, waiting } = yield* relay
    const outcomes: Array<string> = []
    const add = (text: string) =>
      answers.add(answer(text), (taken) => outcomes.push(`${text} ${taken}`))
    add("1")
    yield* Harness.until("the first is there", () => posts.length === 1)
    add("2")
    yield* Harness.until("the second is there", () => posts.length === 2)
    add("3")
    const takeBack = add("gone")
    add("4")
    yield* Harness.turns(20)
    assert.strictEqual(posts.length, 2)
    takeBack()
    waiting[0]?.(500)
    yield* Harness.until("the third is there", () => posts.length === 3)
    assert.deepStrictEqual(posts[2], ["3", "4"])
    waiting[1]?.(200)
    waiting[2]?.(200)
    yield* Harness.until("all is known", () => outcomes.length === 4)
    assert.deepStrictEqual(outcomes.sort(), ["1 false", "2 true", "3 true", "4 true"])
  }),
)
