/**
 * `npm run bench:levels`: what the two levels of the contract cost. The same
 * answer of 1 KiB from a handler of callbacks and from an Effect app behind the
 * same relay, over stream. Prints a table in Markdown, the processor's time
 * being that of the server's process.
 *
 * BENCH_SECONDS (4) is the length of each load.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { idleName, registered } from "./IdleNames.ts"
import { bySockets, byWrk, isInstalled } from "./Load.ts"
import { answers, processorMillis, start, stop } from "./Processes.ts"
import { printHeading, printRow } from "./Table.ts"
import { startTunnel } from "./Tunnel.ts"

const seconds = Number(process.env.BENCH_SECONDS ?? 4)
const load = isInstalled("wrk", "--version") ? byWrk : bySockets
const folder = mkdtempSync(join(tmpdir(), "ptth-levels-"))
const program = fileURLToPath(new URL("./LevelServer.ts", import.meta.url))
const levels = ["callbacks", "effect"]

try {
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "small.bin"), Buffer.alloc(1024, "x"))
  const relayConfig = registered(levels.length)
  const tunnel = await startTunnel({ folder, transport: "stream", relayConfig }, "files/small.bin")
  const servers = levels.map((level, i) =>
    start(process.execPath, [program, tunnel.relayUrl, `${i}`, level], { cwd: folder }),
  )
  printHeading(["level", "1 connection, median", "32 connections", "server, us each"])
  for (const round of [0, 1]) {
    for (const [i, level] of levels.entries()) {
      const url = `${tunnel.relayUrl}/servers/${idleName(i)}/x`
      await answers(url)
      if (round === 0) await load(url, 32, 1)
      const one = await load(url, 1, seconds)
      const before = processorMillis(servers[i]?.pid ?? 0)
      const some = await load(url, 32, seconds)
      const each =
        ((processorMillis(servers[i]?.pid ?? 0) - before) * 1000) /
        (some.requestsPerSecond * seconds)
      printRow([
        level,
        `${Math.round(one.medianMicros)} us`,
        `${Math.round(some.requestsPerSecond)}/s`,
        Math.round(each),
      ])
    }
  }
  for (const server of servers) await stop(server)
  await tunnel.stop()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
