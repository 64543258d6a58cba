/**
 * The administrator's side of a real relay, and of a supervisor, knows the
 * engine of the cluster.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { fixedPort } from "../../support/FixedPort.ts"
import { program, RedisServer, skipNote } from "../../support/RedisServer.ts"
import { key, tripcode } from "../AtticServer.ts"
import { inFolder, run, start } from "../Command.ts"

const asked = async (admin: string): Promise<string | undefined> => {
  const response = await fetch(`${admin}/api/v1/relays`, {
    headers: { authorization: `Bearer ${key}` },
  })
  const { engine } = (await response.json()) as { readonly engine?: { readonly state: string } }
  return engine?.state
}

describe.skipIf(program === undefined)(`the administrator's side${skipNote}`, () => {
  it.live.each([1, 2])("tells of the engine, with %i workers", (workers) =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.start()
      yield* Effect.promise(() =>
        inFolder(async (cwd) => {
          const secret = (name: string, text: string) =>
            writeFileSync(join(cwd, name), text, { mode: 0o600 })
          secret("cluster.key", (await run(["keygen", "--cluster"])).stdout)
          secret(
            "ptth_relay.toml",
            [
              `listen = "127.0.0.1:${await fixedPort()}"`,
              `admin_listen = "127.0.0.1:${await fixedPort()}"`,
              `admin_token = "${tripcode}"`,
              `workers = ${workers}`,
              "[cluster]",
              `listen = "127.0.0.1:${await fixedPort(4)}"`,
              'key_file = "cluster.key"',
              `engine = "${Redacted.value(redis.url)}"`,
              "",
            ].join("\n"),
          )
          const relay = start(["relay"], { cwd, env: { XDG_RUNTIME_DIR: cwd } })
          const [, admin = ""] = await relay.said(/^ {2}Admin +(http:\/\/[^/\s]+)/m)
          let state = await asked(admin)
          while (state === "away") state = await asked(admin)
          assert.strictEqual(state, "connected")
          relay.child.kill("SIGTERM")
          assert.strictEqual((await relay.ended).code, 0)
        }),
      )
    }).pipe(Effect.scoped),
  )
})
