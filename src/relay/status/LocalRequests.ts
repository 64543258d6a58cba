/**
 * Answers what an administrator asks this relay about requests, and sends them
 * again.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AdminControl from "../../protocol/peer/AdminControl.ts"
import type { ControlKind } from "../../protocol/peer/PeerControl.ts"
import * as EditedRequest from "../inspect/EditedRequest.ts"
import { Inspector } from "../inspect/Inspector.ts"
import type { Recording } from "../inspect/Recording.ts"
import * as RequestList from "../inspect/RequestList.ts"
import { RelaySettings } from "../settings/RelaySettings.ts"
import { Traffic } from "../traffic/Traffic.ts"

/** Registers the handler of a kind of message. */
export type On = <A, R>(
  kind: ControlKind<A, R>,
  handler: (message: A) => Effect.Effect<R, string>,
) => void

/** How many requests, and of each body how many bytes, an administrator's side of an earlier version gets. */
const [mostForEarlier, bytesForEarlier] = [20, 10 * 1024]

const shownRequest = (recording: Recording): AdminControl.ShownRequest => {
  const { times } = recording
  return {
    ...recording.read(),
    body: recording.shownBody(),
    responseBody: recording.shownResponseBody(),
    waitMillis: times?.waitMillis,
    tunnelMillis: times?.tunnelMillis,
    linkMillis: times?.linkMillis,
    transport: times?.transport ?? "none",
    hop: times?.hop,
    replayable: recording.replayable,
  }
}

/** As the administrator's side of an earlier version expects it. */
const recordedRequest = (recording: Recording): AdminControl.RecordedRequest => {
  const startOf = ({ bytes, length }: AdminControl.ShownBody) => ({
    bytes: bytes.subarray(0, bytesForEarlier),
    length,
  })
  return {
    ...recording.read(),
    body: startOf(recording.shownBody()),
    responseBody: startOf(recording.shownResponseBody()),
  }
}

const reasons: Readonly<Record<string, string>> = {
  running: "its body has not arrived yet",
  upgrade: "it asked for another protocol",
  cut: "more of its body was sent than is recorded",
  expired: "its secrets were kept for ten minutes and are gone",
}

/** Registers the handlers of this relay, one after the other. */
export const answer = Effect.fnUntraced(function* (on: On) {
  const settings = yield* RelaySettings
  const traffic = yield* Traffic
  const inspector = yield* Inspector
  on(AdminControl.requests, (filter) =>
    Effect.sync(() =>
      RequestList.list(
        filter,
        settings
          .current()
          .servers.filter(({ name }) => filter.server === undefined || name === filter.server)
          .map(({ name }) => ({
            server: name,
            recordings: inspector.of(name),
            recent: traffic.counters.get(name)?.recent ?? [],
          })),
      ),
    ),
  )
  on(AdminControl.request, ({ name, number }) =>
    Effect.sync(() => {
      const recording = inspector.find(name, number)
      return recording === undefined ? null : shownRequest(recording)
    }),
  )
  on(AdminControl.recorded, ({ name }) =>
    Effect.sync(() => inspector.of(name).slice(0, mostForEarlier).map(recordedRequest)),
  )
  on(AdminControl.inspect, ({ inspection, name }) =>
    Effect.sync(() => {
      inspector.inspect(name, inspection)
      return null
    }),
  )
  on(AdminControl.replay, ({ edited, name, number }) =>
    Effect.suspend(() => {
      const recording = inspector.find(name, number)
      if (recording === undefined) return Effect.fail("the relay has no such request any more")
      const original = recording.originalRequest()
      const request =
        edited !== undefined
          ? EditedRequest.complete(recording, { ...edited, body: edited.body })
          : original === undefined
            ? Result.fail(reasons[recording.replayable] ?? "it cannot be sent again")
            : Result.succeed(original)
      if (Result.isFailure(request)) return Effect.fail(request.failure)
      const sent = inspector.resend(name, recording, request.success)
      return sent === undefined
        ? Effect.fail("this relay sends no requests now")
        : Effect.succeed(sent)
    }),
  )
})
