/**
 * What a supervisor records of unregistered servers when several workers report the same event.
 */
import { assert, it } from "@effect/vitest"
import { StrangerEvents } from "../../../src/cli/workers/StrangerEvents.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import type { AuditEvent } from "../../../src/relay/audit/AuditEvent.ts"

const attic = {
  name: "attic" as ServerName,
  tripcode: "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY=" as Tripcode,
}
const other = { ...attic, name: "other" as ServerName }

const approved: AuditEvent = { _tag: "ServerApproved", ...attic, by: "configuration" }
const refused: AuditEvent = {
  _tag: "ServerRefused",
  ...attic,
  reason: "unknown name",
  address: "192.0.2.1",
}

it("an approval that several workers notice counts once, and again after a refusal", () => {
  const events = new StrangerEvents()
  assert.isTrue(events.take(approved))
  assert.isFalse(events.take(approved))
  assert.isTrue(events.take({ ...approved, ...other }))
  assert.isTrue(events.take(refused))
  assert.isTrue(events.take(refused))
  assert.isTrue(events.take(approved))
})

it("ignored servers are remembered until they are approved, and not without end", () => {
  const events = new StrangerEvents()
  assert.isTrue(events.take({ _tag: "ServerIgnored", ...attic, by: "admin" }))
  events.take({ _tag: "ServerIgnored", ...other, by: "admin" })
  assert.deepStrictEqual(
    events.ignored().map(({ name }) => name),
    [attic.name, other.name],
  )
  events.take(approved)
  assert.deepStrictEqual(
    events.ignored().map(({ name }) => name),
    [other.name],
  )
  for (let i = 0; i < 2_000; i++)
    events.take({ _tag: "ServerIgnored", ...attic, name: `s${i}` as ServerName, by: "admin" })
  assert.strictEqual(events.ignored().length, 1_000)
})
