/**
 * A server without a configuration: it makes a key, shows what to compare, and
 * waits for approval.
 */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { tripcodeOfText } from "../../src/domain/ApiKey.ts"
import * as TripcodeWords from "../../src/domain/TripcodeWords.ts"
import * as Proxies from "../support/Proxies.ts"
import { inFolder, run, start } from "./Command.ts"

const keyFolder = (cwd: string): string => join(cwd, "config", "ptth")

const keyOf = (cwd: string): string => {
  const [file] = readdirSync(keyFolder(cwd))
  const text = readFileSync(join(keyFolder(cwd), file ?? ""), "utf8")
  return /^api_key = "(.+)"$/m.exec(text)?.[1] ?? ""
}

it("a file server generates its key, waits for approval and is then reachable; the key is never printed", () =>
  inFolder(async (cwd) => {
    mkdirSync(join(cwd, "files"))
    writeFileSync(join(cwd, "files", "hello.txt"), "hello\n")
    const env = { XDG_CONFIG_HOME: join(cwd, "config") }
    const relay = start(["relay", "--port", "0"], { cwd })
    const [, base = ""] = await relay.said(/^ {2}Listening +(http:\/\/\S+)/m)
    const args = ["fileserver", "files", "--relay", base, "--name", "attic"]

    const impatient = await run([...args, "--no-wait"], { cwd, env })
    assert.strictEqual(impatient.code, 4)
    assert.match(impatient.stderr, /^PTTH_KEY_REFUSED: .* ptth relay approve attic \S{44}$/m)
    assert.match(impatient.stdout, /^ {2}Key +new: /m)

    const server = start(args, { cwd, env })
    const [, command = ""] = await server.said(/^ {2}ptth (relay approve attic \S{44})$/m)
    const key = keyOf(cwd)
    const tripcode = tripcodeOfText(key)
    assert.strictEqual(command, `relay approve attic ${tripcode}`)
    await server.said(new RegExp(`^  Words +${TripcodeWords.toWords(tripcode)}$`, "m"))
    await server.said(/compares all six words/)

    assert.strictEqual((await run(command.split(" "), { cwd })).code, 0)
    const [, open = ""] = await server.said(/^Approved \(\d+ s\)\. Open (\S+)$/m)
    assert.strictEqual(open, `${base}servers/attic/`)
    assert.strictEqual(await (await fetch(`${open}files/hello.txt`)).text(), "hello\n")

    server.child.kill("SIGTERM")
    relay.child.kill("SIGTERM")
    for (const { stderr, stdout } of [await server.ended, await relay.ended, impatient]) {
      assert.notInclude(stdout, key)
      assert.notInclude(stderr, key)
    }
    if (process.platform !== "win32") {
      const [file] = readdirSync(keyFolder(cwd))
      assert.strictEqual(statSync(join(keyFolder(cwd), file ?? "")).mode & 0o777, 0o600)
      assert.strictEqual(statSync(keyFolder(cwd)).mode & 0o777, 0o700)
    }
  }))

const hasOpenssl = Proxies.isInstalled("openssl")

describe.skipIf(!hasOpenssl)(
  `a relay's certificate that nobody signed${hasOpenssl ? "" : " (skipped: openssl is not installed)"}`,
  () => {
    it.live.each(["stream", "classic"])(
      "ends %s with --no-wait, unless --ca names it",
      (transport) =>
        Effect.gen(function* () {
          const { cert, key } = yield* Proxies.certificate
          yield* Effect.promise(() =>
            inFolder(async (cwd) => {
              copyFileSync(cert, join(cwd, "cert.pem"))
              copyFileSync(key, join(cwd, "key.pem"))
              writeFileSync(
                join(cwd, "ptth_relay.toml"),
                'port = 0\nadmin_listen = false\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n',
              )
              mkdirSync(join(cwd, "files"))
              const relay = start(["relay"], { cwd })
              const [, base = ""] = await relay.said(/^ {2}Listening +(https:\/\/\S+)/m)
              const env = { XDG_CONFIG_HOME: join(cwd, "config") }
              const place = ["--relay", base, "--name", "attic", "--transport", transport]
              const args = ["fileserver", "files", ...place, "--no-wait"]
              const distrustful = await run(args, { cwd, env })
              assert.strictEqual(distrustful.code, 4)
              assert.match(
                distrustful.stderr,
                /^PTTH_RELAY_UNTRUSTED: .*\(DEPTH_ZERO_SELF_SIGNED_CERT\).*--ca/m,
              )
              const trusting = await run([...args, "--ca", "cert.pem"], { cwd, env })
              assert.strictEqual(trusting.code, 4)
              assert.match(trusting.stderr, /^PTTH_KEY_REFUSED: .*another key.*`tripcode` list/m)
              relay.child.kill("SIGTERM")
              await relay.ended
            }),
          )
        }),
    )
  },
)

describe("a file server with invalid flags about a relay", () => {
  it.each([
    [
      ["--relay", "https://relay.example", "--listen", "127.0.0.1:0"],
      "--listen: it cannot be used with --relay",
    ],
    [["--relay", "https://relay.example"], "--name: --relay needs a name"],
    [["--relay", "https://relay.example", "--name", "../x"], "--name: --relay needs a name"],
    [["--relay", "nonsense", "--name", "a"], "--relay: expected an address"],
    [["--relay", "http://relay.example", "--name", "a"], "PTTH_INSECURE_RELAY"],
    [["--name", "a"], "--name: it needs --relay"],
    [["--ca", "x.pem"], "--ca: it needs --relay"],
    [["--no-wait"], "--no-wait: it needs --relay"],
  ])("%j exits with code 2 and generates no key", (args, complaint) =>
    inFolder(async (cwd) => {
      const env = { XDG_CONFIG_HOME: join(cwd, "config") }
      const { code, stderr } = await run(["fileserver", cwd, ...args], { cwd, env })
      assert.strictEqual(code, 2)
      assert.include(stderr, complaint)
      assert.deepStrictEqual(readdirSync(cwd), [])
    }),
  )
})
