/**
 * What docs/start.md shows of a relay's first lines is what it prints, and
 * `ptth status` says the same address.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, run, start } from "./Command.ts"

const page = readFileSync(new URL("../../docs/start.md", import.meta.url), "utf8")

const labelsOf = (screen: string): ReadonlyArray<string> =>
  [...screen.matchAll(/^ {2}(\S+) {2,}\S/gm)].map(([, label = ""]) => label)

it("a relay prints the lines that the page shows", () =>
  inFolder(async (cwd) => {
    const [, toml = ""] =
      /^relay\$ cat > ptth_relay\.toml <<END\n([\s\S]*?)\nEND$/m.exec(page) ?? []
    const [shown = ""] = /^PTTH relay [\s\S]*?(?=\n```)/m.exec(page) ?? []
    const home = join(cwd, "ptth")
    mkdirSync(home)
    writeFileSync(join(home, "ptth_relay.toml"), `${toml}\n`)
    const env = { XDG_RUNTIME_DIR: cwd }
    const relay = start(["relay", "--port", "0", "--admin-listen", "127.0.0.1:0"], {
      cwd: home,
      env,
    })
    const [printed] = await relay.said(/^PTTH relay [\s\S]*^ {2}Servers .*$/m)
    assert.deepStrictEqual(labelsOf(printed), labelsOf(shown))
    const publicRow = /^ {2}Public +(\S+)$/m
    assert.strictEqual(publicRow.exec(printed)?.[1], publicRow.exec(shown)?.[1])
    const { stdout } = await run(["status"], { cwd: home, env })
    assert.strictEqual(publicRow.exec(stdout)?.[1], publicRow.exec(shown)?.[1])
    relay.child.kill("SIGTERM")
    await relay.ended
  }))
