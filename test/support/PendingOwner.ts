/**
 * What owns the requests of a test that hands them to a queue or a link itself,
 * and does nothing else with them.
 */
import type { PendingOwner } from "../../src/relay/dispatch/Pending.ts"
import type * as Deadlines from "../../src/transport/runtime/Deadlines.ts"

/** See the file's header. */
export const ownerOf = (deadlines: Deadlines.Deadlines): PendingOwner => ({
  deadlines,
  slot: undefined,
  watch: (_request, _head, body) => body,
  requeue: () => {},
  abandon: () => {},
  settled: () => {},
})
