/**
 * A Redis or Valkey of a test's own, on loopback and without a file: it can be
 * frozen, killed and started again, empty.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { fixedPort } from "./FixedPort.ts"

/** The program that is installed; `undefined` if there is none. */
export const program = ["redis-server", "valkey-server"].find(
  (name) => spawnSync(name, ["--version"]).error === undefined,
)

/** What a test's name says where there is no program. */
export const skipNote =
  program === undefined ? " (skipped: neither redis-server nor valkey-server is installed)" : ""

const launch = async (port: number, flags: ReadonlyArray<string>): Promise<ChildProcess> => {
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
  const [first = ""] = flags
  const all = first.endsWith(".conf") ? [first, ...settings] : [...settings, ...flags]
  const child = spawn(program ?? "redis-server", all, { cwd: "/" })
  for await (const chunk of child.stdout) {
    if (String(chunk).includes("Ready to accept connections")) break
  }
  return child
}

/** See the file's header. */
export class RedisServer {
  readonly port: number
  private readonly flags: ReadonlyArray<string>
  private child: ChildProcess

  private constructor(port: number, flags: ReadonlyArray<string>, child: ChildProcess) {
    this.port = port
    this.flags = flags
    this.child = child
  }

  /** Starts one, which ends with the Scope, with flags or a configuration file. */
  static readonly start = (
    ...flags: ReadonlyArray<string>
  ): Effect.Effect<RedisServer, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const port = await fixedPort()
        return new RedisServer(port, flags, await launch(port, flags))
      }),
      (server) => server.kill,
    )

  get url(): Redacted.Redacted<string> {
    return Redacted.make(`redis://127.0.0.1:${this.port}`)
  }

  /** It keeps its connections, and answers nothing. */
  readonly freeze = Effect.sync(() => this.child.kill("SIGSTOP"))

  readonly thaw = Effect.sync(() => this.child.kill("SIGCONT"))

  readonly kill = Effect.promise(async () => {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exit = once(this.child, "exit")
    this.child.kill("SIGKILL")
    await exit
  })

  /** Starts it again at the same port, without what it held. */
  readonly restart = Effect.promise(async () => {
    this.child = await launch(this.port, this.flags)
  })
}
