/**
 * Another process of this user that serves one of the names that are to be
 * served, and something else under it: the relay gives visitors to both in turn,
 * which is right for two processes of one application and puzzling otherwise.
 */
import type { Service, Status } from "../control/StatusReport.ts"

/** A service without how it is. */
type Served = Pick<Service, "name" | "relay" | "serves">

/** What is told about each name of `own` that a process of `others` serves differently. */
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
