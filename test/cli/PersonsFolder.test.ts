/**
 * npm's script `ptth`, as a clone of the sources has it: npm runs it in the
 * folder of the package, and everything relative counts from where npm was called.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import { isInstalled } from "../support/Proxies.ts"
import { inFolder, run, start } from "./Command.ts"

const relayText = 'listen = "127.0.0.1:0"\nadmin_listen = "off"\n'

/** A clone and a folder of a person, and what npm sets there for a script. */
const makeFolders = (cwd: string) => {
  const clone = join(cwd, "clone")
  const person = join(cwd, "person")
  mkdirSync(clone)
  mkdirSync(person)
  // A clone may be reached by another path than its own.
  symlinkSync("clone", join(cwd, "link"))
  const env = {
    INIT_CWD: person,
    npm_lifecycle_event: "ptth",
    npm_package_json: join(cwd, "link", "package.json"),
  }
  return { clone, person, env }
}

it("files, folders and the usual places of a configuration count from the person's folder", () =>
  inFolder(async (cwd) => {
    const { clone, env, person } = makeFolders(cwd)
    writeFileSync(join(person, "my.toml"), relayText)
    const checked = await run(["check", "my.toml"], { cwd: clone, env })
    assert.match(checked.stdout, /^OK: my\.toml is a relay's/, checked.stderr)
    writeFileSync(join(clone, "ptth_relay.toml"), "wrong = 1\n")
    writeFileSync(join(person, "ptth_relay.toml"), relayText)
    const printed = await run(["relay", "--print-config"], { cwd: clone, env })
    assert.strictEqual(printed.code, 0, printed.stderr)
    assert.notInclude(printed.stderr, "not used")
  }))

it("servers.d is beside the person's configuration, and one of the package's folder is named", () =>
  inFolder(async (cwd) => {
    const { clone, env, person } = makeFolders(cwd)
    mkdirSync(join(clone, "servers.d"))
    const relay = start(["relay", "--port", "0"], { cwd: clone, env })
    const [, folder = ""] = await relay.said(/^ {2}servers\.d +(\S+)$/m)
    assert.strictEqual(folder, join(person, "servers.d"))
    const [note] = await relay.said(/not used: \S+/, "stderr")
    assert.strictEqual(note, `not used: ${join(cwd, "link", "servers.d")}.`)
    const [, at = ""] = await relay.said(/^ {2}Listening +(http:\S+)/m)
    const invited = await run(["relay", "invite", "attic", "--relay", at], { cwd: clone, env })
    assert.strictEqual(invited.code, 0, invited.stderr)
    assert.isTrue(existsSync(join(person, "servers.d", ".invitation-attic.json")))
    relay.child.kill("SIGTERM")
    await relay.ended
  }))

it("in another script what it says counts from its package's folder", () =>
  inFolder(async (cwd) => {
    const { clone, env } = makeFolders(cwd)
    writeFileSync(join(clone, "my.toml"), relayText)
    const other = { ...env, npm_lifecycle_event: "check" }
    const { stderr, stdout } = await run(["check", "my.toml"], { cwd: clone, env: other })
    assert.match(stdout, /^OK/, stderr)
  }))

it.skipIf(!isInstalled("npm"))("npm says where it was called, also with --prefix", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "my.toml"), relayText)
    const clone = fileURLToPath(new URL("../..", import.meta.url))
    const words = ["run", "-s", "--prefix", clone, "ptth", "--", "check", "my.toml"]
    const script = join(cwd, "call.cjs")
    writeFileSync(
      script,
      `require("node:child_process").spawnSync("npm", ${JSON.stringify(words)}, { stdio: "inherit" })`,
    )
    const { stderr, stdout } = await run([], { cwd, program: script })
    assert.match(stdout, /^OK: my\.toml is a relay's/, stderr)
    assert.strictEqual(readFileSync(join(cwd, "my.toml"), "utf8"), relayText)
  }),
)
