/**
 * `ptth relay approve`, and a relay that runs meanwhile.
 */
import { readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, run, start } from "./Command.ts"

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"
const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="

it("a waiting server connects once it is approved, without a restart of either side", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "ptth_relay.toml"), "# mine\nport = 0\n")
    const relay = start(["relay"], { cwd })
    const [, base] = await relay.said(/^ {2}Listening +(http:\/\/\S+)/m)
    writeFileSync(
      join(cwd, "ptth_server.toml"),
      `name = "attic"\napi_key = "${key}"\nrelay_url = "${base}"\nfile_server_root = "."\n`,
      { mode: 0o600 },
    )
    const server = start(["server"], { cwd })
    await server.said(/PTTH_KEY_REFUSED/, "stderr")
    const { code, stdout } = await run(["relay", "approve", "attic", tripcode], { cwd })
    assert.strictEqual(code, 0)
    assert.strictEqual(
      stdout,
      `approved attic: wrote ${join(realpathSync(cwd), "servers.d", "attic.toml")}\n`,
    )
    await server.said(/connected: \S+\/servers\/attic\//, "stderr")
    const list = await (await fetch(`${base}frontend/servers/`)).text()
    assert.match(list, /attic.*>connected</s)
    assert.notMatch(list, /ptth\/\d+\.\d+\.\d+/, "versions are the administrator's to see")
    const answer = await fetch(`${base}servers/attic/files/`)
    assert.strictEqual(answer.status, 200)
    for (const running of [server, relay]) {
      running.child.kill("SIGTERM")
      assert.strictEqual((await running.ended).code, 0)
    }
    assert.include(readFileSync(join(cwd, "ptth_relay.toml"), "utf8"), "# mine\n")
    assert.deepStrictEqual(readdirSync(join(cwd, "servers.d")), ["attic.toml"])
  }))

it("a name that is registered with another key is not approved, with exit code 2", () =>
  inFolder(async (cwd) => {
    const other = `${"B".repeat(42)}E=`
    writeFileSync(
      join(cwd, "ptth_relay.toml"),
      `[[servers]]\nname = "attic"\ntripcode = "${other}"\n`,
    )
    const { code, stderr, stdout } = await run(["relay", "approve", "attic", tripcode], { cwd })
    assert.strictEqual(code, 2)
    assert.strictEqual(stdout, "")
    assert.match(
      stderr,
      /^PTTH_ALREADY_REGISTERED: the name attic is registered with another key\. .+\n$/,
    )
    assert.deepStrictEqual(readdirSync(cwd), ["ptth_relay.toml"])
  }))
