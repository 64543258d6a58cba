/**
 * The certificate of `ptth relay`: what is wrong with it is said alike by the
 * start, `ptth check` and a reload, and a new one is taken while it runs.
 */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Proxies from "../support/Proxies.ts"
import { inFolder, run, start } from "./Command.ts"

const hasOpenssl = Proxies.isInstalled("openssl")

const fingerprint = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once("error", reject)
  })

const config = 'port = 0\nadmin_listen = false\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'

const two = Effect.all([Proxies.certificate, Proxies.certificate])

const inPlace = (cwd: string, from: Proxies.Certificate): void => {
  copyFileSync(from.cert, join(cwd, "cert.pem"))
  copyFileSync(from.key, join(cwd, "key.pem"))
}

describe.skipIf(!hasOpenssl)(
  `a relay's certificate${hasOpenssl ? "" : " (skipped: openssl is not installed)"}`,
  () => {
    it.live("is checked before the relay listens, with the same errors as `ptth check`", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        yield* Effect.promise(() =>
          inFolder(async (cwd) => {
            writeFileSync(join(cwd, "ptth_relay.toml"), config)
            const wrong: ReadonlyArray<readonly [() => void, string]> = [
              [() => {}, "PTTH_CONFIG_INVALID: ./ptth_relay.toml:3: cert.pem does not exist"],
              [
                () => inPlace(cwd, { ...one, key: other.key }),
                "PTTH_CONFIG_INVALID: ./ptth_relay.toml:4: key.pem is not that of the certificate",
              ],
              [
                () => inPlace(cwd, { ...one, key: one.cert }),
                "PTTH_CONFIG_INVALID: ./ptth_relay.toml:4: key.pem is not a PEM key without a password",
              ],
            ]
            for (const [prepare, message] of wrong) {
              prepare()
              const ended = [run(["relay"], { cwd }), run(["check", "./ptth_relay.toml"], { cwd })]
              for (const { code, stderr } of await Promise.all(ended)) {
                assert.strictEqual(code, 2)
                assert.include(stderr, message)
              }
            }
            inPlace(cwd, one)
            const checked = await run(["check", "ptth_relay.toml"], { cwd })
            assert.match(
              checked.stdout,
              /^OK: .*; its certificate is valid until \d{4}-\d\d-\d\d\n/,
            )
          }),
        )
      }).pipe(Effect.scoped),
    )

    it.live("is reloaded while the relay runs, unless it is invalid", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two
        yield* Effect.promise(() =>
          inFolder(async (cwd) => {
            writeFileSync(join(cwd, "ptth_relay.toml"), config)
            inPlace(cwd, one)
            const relay = start(["relay"], { cwd })
            const [, port] = await relay.said(/Listening +https:\/\/127\.0\.0\.1:(\d+)/)
            const before = await fingerprint(Number(port))
            writeFileSync(join(cwd, "cert.pem"), readFileSync(other.cert))
            relay.child.kill("SIGHUP")
            await relay.said(/key\.pem is not that of the certificate/, "stderr")
            assert.strictEqual(await fingerprint(Number(port)), before)
            // Nobody says that it is there.
            inPlace(cwd, other)
            await relay.said(/config reloaded/, "stderr")
            assert.notStrictEqual(await fingerprint(Number(port)), before)
            relay.child.kill("SIGTERM")
            const ended = await relay.ended
            assert.strictEqual(ended.code, 0)
            assert.notInclude(ended.stdout + ended.stderr, "PRIVATE KEY")
          }),
        )
      }).pipe(Effect.scoped),
    )
  },
)
