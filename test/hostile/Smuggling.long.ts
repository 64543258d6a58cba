/**
 * The long half of the smuggling tests: thousands of other mixtures on each way.
 */
import { describe } from "@effect/vitest"
import { describeMixtures, transports } from "./Smuggling.ts"

describe.each(transports)("thousands of mixtures of legal and illegal, over %s", (transport) => {
  describeMixtures(transport, 1_000, { directly: 4_000, nginx: 2_000 })
})
