/**
 * The metrics of a file server, for Prometheus and on the page at the top.
 */
import { assert, describe, it } from "@effect/vitest"
import { contentType } from "../../../src/transport/observe/Prometheus.ts"
import { openHandler } from "../../support/callHandler.ts"
import { bytesOf, servedFolder } from "../../support/servedFolder.ts"

describe("the metrics", () => {
  it("count requests and bytes, and show the start time and the memory", async () => {
    const { get, head } = await servedFolder({ "a.txt": "hello", "big.bin": bytesOf(300_000) })
    await get("/files/a.txt")
    await head("/files/a.txt")
    await get("/files/big.bin", [["Range", "bytes=0-99999"]])
    const absent = await get("/files/absent")
    await get("/files")
    const answer = await get("/metrics")
    assert.strictEqual(answer.header("content-type"), contentType)
    const value = (name: string): number =>
      Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (\\S+)$`, "m").exec(answer.text)?.[1])
    assert.strictEqual(value('ptth_fileserver_requests_total{status="2xx"}'), 3)
    assert.strictEqual(value('ptth_fileserver_requests_total{status="3xx"}'), 1)
    assert.strictEqual(value('ptth_fileserver_requests_total{status="4xx"}'), 1)
    assert.strictEqual(value("ptth_fileserver_sent_bytes_total"), 5 + 100_000 + absent.body.length)
    assert.strictEqual(value("ptth_fileserver_active_requests"), 1)
    assert.isAtMost(value("process_start_time_seconds"), Date.now() / 1000)
    assert.isAbove(value("process_resident_memory_bytes"), 1_000_000)
    for (const line of answer.text.trimEnd().split("\n")) {
      assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="[^"]*"\})? [\d.e+-]+)$/)
    }
  })

  it("count a request as active until it ends or the visitor leaves", async () => {
    const { get, handler } = await servedFolder({ "big.bin": bytesOf(300_000) })
    const active = async (): Promise<string | undefined> =>
      /^ptth_fileserver_active_requests (\d+)$/m.exec((await get("/metrics")).text)?.[1]
    const first = await openHandler(handler, { target: "/files/big.bin" })
    const second = await openHandler(handler, { target: "/files/big.bin" })
    assert.strictEqual(await active(), "3")
    first.body.discard()
    second.cancel()
    second.cancel()
    assert.strictEqual(await active(), "1")
  })

  it("are on the page at the top", async () => {
    const { get } = await servedFolder({ "a.txt": "hello" })
    await get("/files/a.txt")
    const page = await get("/")
    assert.include(page.text, "<dt>Requests</dt><dd>1</dd>")
    assert.include(page.text, "<dt>Sent</dt><dd>5 B</dd>")
    assert.match(page.text, /<dt>Running since<\/dt><dd><time datetime="20\d\d-/)
    assert.match(page.text, /<dt>Memory<\/dt><dd>\d+ MB<\/dd>/)
  })
})
