/**
 * `ptth healthcheck`: flags and help. The work is in `HealthCheck.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"

/** The command. */
export const healthCheckCommand = Command.make(
  "healthcheck",
  {
    url: Argument.String("URL").pipe(
      Argument.withDescription(
        "What to request (default: HEALTH_URL, else http://127.0.0.1:4000/healthz)",
      ),
      Argument.optional,
    ),
  },
  ({ url }) =>
    Effect.promise(() => import("../control/HealthCheck.ts")).pipe(
      Effect.flatMap(({ checkHealth }) => checkHealth(url)),
    ),
).pipe(
  Command.withDescription(
    "Ask a relay on this machine whether it is healthy, for a container that has no other program to ask with: exits with 0 if it is, else with 1",
  ),
  Command.withShortDescription("Ask a relay whether it is healthy"),
)
