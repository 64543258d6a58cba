/**
 * Records refused requests to the administrator's side in the audit log, with
 * the limit of `AuditThrottle.ts`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AuditLog } from "../../audit/AuditLog.ts"
import { AuditThrottle } from "../../audit/AuditThrottle.ts"

/** See the file's header. */
export class AdminRefusals extends Context.Service<
  AdminRefusals,
  {
    /** @param address the client's */
    readonly record: (reason: string, address: string) => void
  }
>()("ptth/relay/admin/AdminRefusals") {
  static readonly layer: Layer.Layer<AdminRefusals, never, AuditLog> = Layer.effect(
    AdminRefusals,
    Effect.gen(function* () {
      const audit = yield* AuditLog
      const clock = yield* Clock.Clock
      const throttle = new AuditThrottle()
      return AdminRefusals.of({
        record: (reason, address) => {
          if (throttle.passes(clock.currentTimeMillisUnsafe()))
            audit.record({ _tag: "AdminRefused", reason, address })
        },
      })
    }),
  )
}
