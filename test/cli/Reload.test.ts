/**
 * The running relay and its configuration file.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, run, start } from "./Command.ts"

const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="
const named = (name: string) => `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n`

/** The problems that are said, in lines of their own or in those of the log, which are JSON. */
const problems = (text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .flatMap((line) =>
      line.startsWith("{")
        ? `${(JSON.parse(line) as { message: unknown }).message}`.split("\n")
        : line,
    )
    .filter((line) => line.startsWith("PTTH_"))

it("a reload reports the same problems as `ptth check` and `--print-config`", () =>
  inFolder(async (cwd) => {
    const file = join(cwd, "ptth_relay.toml")
    writeFileSync(file, "port = 0\nadmin_listen = false\n")
    const relay = start(["relay"], { cwd })
    await relay.said(/Listening/)
    writeFileSync(
      file,
      `port = 0\ndomain = "relay.example"\n${named("my_attic")}${named("My-Attic")}[frontend_auth]\n`,
    )
    relay.child.kill("SIGHUP")
    await relay.said(/config not reloaded/, "stderr")
    const [checked, printed] = await Promise.all([
      run(["check", "./ptth_relay.toml"], { cwd }),
      run(["relay", "--print-config"], { cwd }),
    ])
    relay.child.kill("SIGTERM")
    const said = problems((await relay.ended).stderr)
    assert.strictEqual(said.length, 2)
    assert.deepStrictEqual(problems(checked.stderr), said)
    assert.deepStrictEqual(problems(printed.stderr), said)
    assert.deepStrictEqual([checked.code, printed.code], [2, 2])
  }))
