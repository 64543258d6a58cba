/**
 * Finds another process of this user that serves something else under the same
 * name. The relay gives visitors to both in turn, which is right for two processes
 * of one application and confusing otherwise.
 */
import type { Service, Status } from "../control/StatusReport.ts"

/** A service without how it is. */
type Served = Pick<Service, "name" | "relay" | "serves">

/** A warning for each name of `own` that a process of `others` serves differently. */
export const warningsFor = (
  own: ReadonlyArray<Served>,
  others: ReadonlyArray<Status>,
): ReadonlyArray<string> =>
  own.flatMap(({ name, relay, serves }) =>
    others.flatMap(({ pid, services = [] }) =>
      services
        .filter((service) => service.name === name && service.relay === relay)
        .filter((service) => service.serves.join("\n") !== serves.join("\n"))
        .map(
          (service) =>
            `process ${pid} serves ${name}, too (${service.serves.join(", ")}): visitors get one or the other in turn. End it, or choose another name with --name.`,
        ),
    ),
  )
