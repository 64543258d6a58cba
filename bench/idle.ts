/**
 * `npm run bench:idle`: what relay, server and file server cost while nobody asks
 * for anything: first the memory of each and what its start takes, then, of a
 * relay with servers, wake-ups a second and the part of a processor, from
 * `/proc`. A wake-up is a voluntary context switch of any thread. Linux only.
 *
 * BENCH_SETTLE (10) is how many seconds each idles before its memory is read,
 * BENCH_STARTS (5) how often each is started, and PTTH_BENCH_PEERS folders with
 * other programs to measure (`IdlePeers.ts`). BENCH_ONLY=memory leaves out the rest, for which
 * BENCH_SERVERS (100) is the number of servers beside the one that is measured,
 * BENCH_SECONDS (60) how long it is looked at. The first minute is not counted:
 * a process that has just started still has things to do.
 *
 * On a machine with other work, `chrt -r 1 npm run bench:idle` (as root) lets what is
 * measured go before it.
 */
import type { ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import * as Footprint from "./Footprint.ts"
import { registered } from "./IdleNames.ts"
import { processorMillis, said, start, stop, wakeUps } from "./Processes.ts"
import { printHeading, printRow } from "./Table.ts"
import { startTunnel } from "./Tunnel.ts"

const servers = Number(process.env.BENCH_SERVERS ?? 100)
const seconds = Number(process.env.BENCH_SECONDS ?? 60)
const settleMillis = 60_000
const program = fileURLToPath(new URL("./IdleServers.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "ptth-idle-"))

const look = (child: ChildProcess) => ({
  at: performance.now(),
  wakeUps: wakeUps(child.pid ?? 0),
  millis: processorMillis(child.pid ?? 0),
})

const wakeUpsOfRelay = async (): Promise<void> => {
  mkdirSync(join(folder, "files"))
  writeFileSync(join(folder, "files", "small.bin"), "x")
  const relayConfig = registered(servers)
  const tunnel = await startTunnel({ folder, transport: "stream", relayConfig }, "files/small.bin")
  const idle = start(process.execPath, [program, tunnel.relayUrl, `${servers}`], { cwd: folder })
  await said(idle, /alive (\d+)/)
  await wait(settleMillis)
  const measured = [
    { what: `relay with ${servers + 1} servers`, child: tunnel.relay },
    { what: "one server", child: tunnel.server },
  ]
  const before = measured.map(({ child }) => look(child))
  await wait(seconds * 1000)
  printHeading(["idle", "wake-ups a second", "processor"])
  for (const [i, { child, what }] of measured.entries()) {
    const now = look(child)
    const then = before[i] as typeof now
    const passed = now.at - then.at
    const rate = ((now.wakeUps - then.wakeUps) / passed) * 1000
    const part = ((now.millis - then.millis) / passed) * 100
    printRow([what, rate.toFixed(1), `${part.toFixed(2)} %`])
  }
  process.stdout.write(`\nload ${loadavg()[0]?.toFixed(1)}, looked at for ${seconds} s\n`)
  await stop(idle)
  await tunnel.stop()
}

try {
  await Footprint.print(folder)
  if (process.env.BENCH_ONLY !== "memory") await wakeUpsOfRelay()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
