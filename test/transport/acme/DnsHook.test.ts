/**
 * The operator's program that sets records in the DNS.
 */
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DnsHook from "../../../src/transport/acme/DnsHook.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const record = { name: "_acme-challenge.relay.example.com", value: "proof" }

describe.skipIf(process.platform === "win32")("a program that sets records", () => {
  it.live("is told what to do, which record and its value", () =>
    Effect.gen(function* () {
      const here = temporaryFolder()
      const hook = join(here, "hook")
      writeFileSync(hook, `#!/bin/sh\necho "$@" >> ${here}/calls\n`)
      chmodSync(hook, 0o755)
      yield* DnsHook.run(hook, "add", record)
      yield* DnsHook.run(hook, "remove", record)
      assert.strictEqual(
        readFileSync(join(here, "calls"), "utf8"),
        `add ${record.name} proof\nremove ${record.name} proof\n`,
      )
    }).pipe(Effect.scoped),
  )

  it.live("has failed unless it exits with 0, and its last words are told", () =>
    Effect.gen(function* () {
      const here = temporaryFolder()
      const hook = join(here, "hook")
      writeFileSync(hook, "#!/bin/sh\necho first >&2\necho no such zone >&2\nexit 3\n")
      chmodSync(hook, 0o755)
      const error = yield* Effect.flip(DnsHook.run(hook, "add", record))
      assert.strictEqual(error.code, "PTTH_ACME_CHALLENGE")
      assert.include(
        error.detail,
        "fails (3) for add _acme-challenge.relay.example.com: no such zone",
      )
      const missing = yield* Effect.flip(DnsHook.run(join(here, "nothing"), "add", record))
      assert.include(missing.detail, "ENOENT")
    }).pipe(Effect.scoped),
  )
})
