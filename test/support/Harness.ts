/**
 * A relay, servers and visitors for tests: real ones on real sockets at free
 * ports, all of them gone when the test's Scope closes.
 *
 *     const relay = yield* Harness.relay({ servers: ["demo"] })
 *     yield* Harness.server(relay, "demo", Harness.handler(() => ({ body: "hello" })))
 *     const answer = yield* Harness.get(relay, "/servers/demo/x")
 *
 * Time is the Effect Clock's: under `it.effect` nothing of the relay's or the
 * server's times out until the test moves the TestClock, under `it.live` it is
 * real. Closing does not wait for anything unless a grace period is set.
 */

export * from "./harness/LogLines.ts"
export * from "./harness/RawConnection.ts"
export * from "./harness/TestCluster.ts"
export * from "./harness/TestHandler.ts"
export * from "./harness/TestRelay.ts"
export * from "./harness/TestServers.ts"
export * from "./harness/Visit.ts"
export * from "./harness/Waiting.ts"
