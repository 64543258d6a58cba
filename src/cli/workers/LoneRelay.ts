/**
 * Answers `ptth relay peers` and `ptth relay roll` for a relay of one process
 * that has a cluster.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { Peers } from "../../cluster/Peers.ts"
import { entry } from "../../domain/ErrorRegistry.ts"
import { AuditLog } from "../../relay/audit/AuditLog.ts"
import { Rendezvous } from "../../relay/dispatch/Rendezvous.ts"
import * as ControlSocket from "../control/ControlSocket.ts"
import * as OtherRelays from "../control/OtherRelays.ts"
import * as RuntimeFolder from "../control/RuntimeFolder.ts"
import type { RelayStart } from "../run/RunRelay.ts"
import { version } from "../shared/Version.ts"

/** It has no workers that could be replaced. */
export class LoneRollError extends Data.TaggedError("LoneRollError") {
  readonly code = "PTTH_ROLL_ALONE"
  override get message(): string {
    return `${this.code}: it is one process (\`workers = 1\`), which cannot be replaced while it serves. ${entry(this.code).remedy}`
  }
}

/** Answers for as long as the Scope is open. A folder that cannot be used is no reason not to serve. */
export const answer = Effect.fnUntraced(function* ({ path }: RelayStart) {
  const peers = yield* Peers
  const rendezvous = yield* Rendezvous
  const audit = yield* AuditLog
  let isDraining = false
  const unlisten = audit.listen(({ event }) => {
    isDraining ||= event._tag === "RelayStopping"
  })
  yield* Effect.addFinalizer(() => Effect.sync(unlisten))
  const since = yield* Clock.currentTimeMillis
  const place = RuntimeFolder.configPlace(path)
  const self = (): ControlSocket.Peer => ({
    id: peers.self.id,
    pid: process.pid,
    state: isDraining ? "draining" : "ready",
    since,
    version,
    links: rendezvous.announcedLinks().length,
  })
  const answers: Record<ControlSocket.Question, () => ControlSocket.Answer> = {
    about: () => ({ config: place }),
    peers: () => ({ peers: [self(), ...OtherRelays.list(peers)] }),
    roll: () => ({ failure: new LoneRollError().message }),
  }
  yield* RuntimeFolder.open(RuntimeFolder.ofProcess(), RuntimeFolder.controlName).pipe(
    Effect.flatMap((folder) =>
      ControlSocket.serve(folder, (question) => Effect.sync(answers[question])),
    ),
    Effect.catch(({ message }) =>
      Effect.logWarning(`ptth relay peers cannot be answered\n${message}`),
    ),
  )
})
