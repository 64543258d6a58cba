/**
 * The relay's counters as Prometheus sees them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { render } from "../../../src/transport/observe/Prometheus.ts"
import * as Harness from "../../support/Harness.ts"

const seriesOf = (text: string, series: string): string | undefined =>
  text
    .split("\n")
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1)

describe("the relay's metrics", () => {
  it.effect("say by server what came, by which transport, and what became of it", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({
        servers: ["demo", "asleep"],
        waitForServer: "0 millis",
        config: { maxBody: 10 },
      })
      yield* Harness.server(relay, "demo", Harness.echo, { transport: "stream", connections: 1 })
      yield* Harness.serverAt(relay.url, "stranger", Harness.echo)
      yield* Harness.visit(relay, "/servers/demo/", { method: "POST", body: "hello" })
      yield* Harness.visit(relay, "/servers/demo/", { method: "POST", body: "much too long" })
      yield* Harness.get(relay, "/servers/nobody/")
      yield* Harness.until(
        "all are over",
        () =>
          relay.traffic.server("demo").inFlight === 0 &&
          relay.traffic.server("").inFlight === 0 &&
          relay.traffic.refusals("unknown name") === 1,
      )
      const text = render(relay.metrics())
      const expected = {
        'ptth_relay_requests_total{server="demo",transport="stream",status="2xx"}': "1",
        'ptth_relay_requests_total{server="demo",transport="none",status="4xx"}': "1",
        'ptth_relay_requests_total{server="",transport="none",status="4xx"}': "1",
        'ptth_relay_failures_total{server="demo",code="PTTH_BODY_TOO_LARGE"}': "1",
        'ptth_relay_failures_total{server="",code="PTTH_UNKNOWN_SERVER"}': "1",
        'ptth_relay_requests_in_flight{server="demo"}': "0",
        'ptth_relay_received_bytes_total{server="demo"}': "18",
        'ptth_relay_response_head_seconds_count{server="demo"}': "2",
        'ptth_relay_wait_seconds_count{server="demo"}': "1",
        'ptth_relay_tunnel_seconds_bucket{server="demo",le="+Inf"}': "1",
        'ptth_relay_links_opened_total{server="demo",transport="stream"}': "1",
        'ptth_relay_server_connected{server="demo"}': "1",
        'ptth_relay_server_connected{server="asleep"}': "0",
        'ptth_relay_links{server="demo",transport="stream"}': "1",
        'ptth_relay_queue_length{server="demo"}': "0",
        'ptth_relay_keys_refused_total{reason="unknown name"}': "1",
        'ptth_relay_keys_refused_total{reason="wrong key"}': "0",
        'ptth_relay_info{version="test"}': "1",
      }
      assert.deepStrictEqual(
        Object.fromEntries(Object.keys(expected).map((series) => [series, seriesOf(text, series)])),
        expected,
      )
      assert.notInclude(text, "stranger")
      assert.notInclude(text, "nobody")
    }),
  )
})
