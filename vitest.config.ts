/**
 * Which tests run, and how. Each project has its own npm script; `npm test`
 * runs all of them. With `--mode hostile` the hostile tests include their long
 * half (`*.long.ts`).
 *
 * - `unit`: what takes half a minute altogether, within one process. Files share
 *   the modules that they import, since loading these costs more than most of the
 *   tests do.
 * - `sockets`: whole relays, servers and clients on real sockets, within one process.
 * - `process`: tests that start the built command, an example or a proxy.
 * - `browser`: tests that open pages in Chromium.
 * - `hostile`: attacks and faults.
 * - `hostile-simulation`: files with modules of their own, since the simulation
 *   replaces one with `vi.mock`.
 */
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { TallyReporter } from "./scripts/TallyReporter.ts"

const browser = ["test/browser/**/*.test.ts"]
const hostile = ["test/hostile/**/*.test.ts"]
const simulation = ["test/hostile/**/Simulation.test.ts"]
const processes = [
  "test/cli/*.test.ts",
  "test/cli/!(terminal|text)/**/*.test.ts",
  "test/{deploy,examples}/**/*.test.ts",
  "test/http/Proxies.test.ts",
]
const sockets = [
  "test/{http,cluster/engine,fileserver/archive,fileserver/send,fileserver/thumbs,transport/front,transport/h2}/**/*.test.ts",
  "test/relay/{admin,links,peers,signin,visitors}/**/*.test.ts",
  "test/{relay,server}/*.test.ts",
  "test/server/{stream,upstream}/**/*.test.ts",
  "test/fileserver/{FileServer,Served}.test.ts",
]

const project = (name: string, include: ReadonlyArray<string>, options: object = {}) => ({
  extends: true as const,
  test: { name, include: [...include], ...options },
})

export default defineConfig(({ mode }) => {
  const isLong = mode === "hostile"
  const built = { globalSetup: ["test/support/BuildCommand.ts"] }
  const projects = [
    project("unit", ["test/**/*.test.ts"], {
      exclude: [...browser, ...hostile, ...processes, ...sockets],
      isolate: false,
    }),
    project("sockets", sockets, { exclude: processes, isolate: false }),
    project("process", processes, { ...built, isolate: false }),
    project("browser", browser, { isolate: false }),
    project("hostile", isLong ? ["test/hostile/**/*.{test,long}.ts"] : hostile, {
      ...built,
      exclude: ["test/hostile/**/Simulation.*"],
      isolate: false,
    }),
    project(
      "hostile-simulation",
      isLong ? ["test/hostile/**/Simulation.{test,long}.ts"] : simulation,
    ),
  ]
  return {
    test: {
      projects,
      // Two for each core, since many tests wait for processes and browsers.
      maxWorkers: 2 * availableParallelism(),
      // Only a failing test takes that long, also on a machine that is very busy.
      testTimeout: isLong ? 1_800_000 : 300_000,
      hookTimeout: 300_000,
      reporters: ["default", new TallyReporter()],
    },
  }
})
