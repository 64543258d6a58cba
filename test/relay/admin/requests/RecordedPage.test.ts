/**
 * The page with all recordings of a server: which are asked for, in which
 * order, and how large the page becomes.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ServerName } from "../../../../src/domain/ServerName.ts"
import type { ShownRequest } from "../../../../src/protocol/peer/AdminControl.ts"
import { type RecordingId, Requests } from "../../../../src/relay/admin/core/Requests.ts"
import * as RecordedPage from "../../../../src/relay/admin/requests/RecordedPage.ts"
import { uniqueById } from "../../../../src/relay/status/Relays.ts"
import { toText } from "../../../../src/web/Html.ts"

const name = "shop" as ServerName

const ids = (relay: string, count: number): ReadonlyArray<RecordingId> =>
  Array.from({ length: count }, (_, i) => ({ relay, name, number: count - i }))

const body = (text: string): ShownRequest["body"] => ({
  form: "text",
  bytes: Buffer.from(text),
  length: text.length,
  recorded: text.length,
  encoding: "",
  isPart: false,
})

const recording = ({ number, relay }: RecordingId, text: string): ShownRequest => ({
  number,
  at: 0,
  address: "192.0.2.1",
  method: "GET",
  target: `/${relay}/${number}`,
  headers: [["Content-Type", "text/plain"]],
  body: body(""),
  response: { status: 200, headers: [["Content-Type", "text/plain"]] },
  responseBody: body(text),
  outcome: "whole",
  transport: "stream",
  replayable: "yes",
})

/** The sections for these recordings, and which recordings were asked for; a text is why a relay did not answer. */
const sectionsOf = Effect.fnUntraced(function* (
  wanted: ReadonlyArray<RecordingId>,
  answer: (id: RecordingId) => ShownRequest | string | undefined,
) {
  const asked: Array<RecordingId> = []
  const { isCut, sections, silent } = yield* RecordedPage.sectionsOf(wanted).pipe(
    Effect.provideService(Requests, {
      list: () => Effect.die("not asked for"),
      replay: () => Effect.die("not asked for"),
      inspect: () => Effect.die("not asked for"),
      one: (id) =>
        Effect.suspend(() => {
          asked.push(id)
          const answered = answer(id)
          return typeof answered === "string" ? Effect.fail(answered) : Effect.succeed(answered)
        }),
    }),
  )
  const targets = sections.map((one) => /GET (\/\w\/\d+)/.exec(toText(one))?.[1])
  return { asked, isCut, silent, targets }
})

describe("the recordings of a server on one page", () => {
  it.effect("are in the order of the list, also of several relays", () =>
    Effect.gen(function* () {
      const [a, b] = [ids("a", 7), ids("b", 7)]
      const wanted = a.flatMap((id, i) => [id, b[i] as RecordingId])
      const { isCut, targets } = yield* sectionsOf(wanted, (id) => recording(id, "x"))
      assert.isFalse(isCut)
      assert.deepStrictEqual(
        targets,
        wanted.map(({ number, relay }) => `/${relay}/${number}`),
      )
    }),
  )

  it.effect("of a relay that does not answer are not asked for one after the other", () =>
    Effect.gen(function* () {
      const wanted = [...ids("a", 100), ...ids("b", 6)]
      const { asked, targets } = yield* sectionsOf(wanted, (id) =>
        id.relay === "a" ? "too slow" : recording(id, "x"),
      )
      assert.isBelow(asked.filter(({ relay }) => relay === "a").length, 5)
      assert.lengthOf(targets, 6)
    }),
  )

  it.effect("lack those of a relay that does not answer, not of one that has no more", () =>
    Effect.gen(function* () {
      const wanted = [...ids("a", 6), ...ids("b", 6)]
      const { silent } = yield* sectionsOf(wanted, ({ relay }) =>
        relay === "a" ? "too slow" : undefined,
      )
      assert.deepStrictEqual(uniqueById(silent), [{ id: "a", reason: "too slow" }])
    }),
  )

  it.effect("end with the one that makes the page too large", () =>
    Effect.gen(function* () {
      const text = "x".repeat(RecordedPage.maxCharacters / 4)
      const { asked, isCut, targets } = yield* sectionsOf(ids("a", 100), (id) =>
        recording(id, text),
      )
      assert.isTrue(isCut)
      assert.deepStrictEqual(targets, ["/a/100", "/a/99", "/a/98", "/a/97"])
      assert.isBelow(asked.length, 9)
    }),
  )
})
