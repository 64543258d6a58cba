/**
 * The commands that make and hash keys agree with each other.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, run } from "./Command.ts"

const golden = {
  key: "PlaypenCausalPlatformCommodeImproveCatalyze",
  tripcode: "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY=",
}

it.each(["\n", "", "\r\n"])(
  "hash-api-key prints the same tripcode as PTTH 2.x, line end %j",
  async (end) => {
    const { code, stdout } = await run(["hash-api-key"], { input: `${golden.key}${end}` })
    assert.strictEqual(stdout, `${golden.tripcode}\n`)
    assert.strictEqual(code, 0)
  },
)

it.skipIf(!existsSync("/dev/full"))("a key that cannot be written is an error", async () => {
  const through = ["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh"]
  const { code, stderr } = await run(["keygen"], { through })
  assert.strictEqual(code, 1)
  assert.match(stderr, /^PTTH_OUTPUT_LOST: standard output cannot be written \(ENOSPC\)\. .+\n$/)
})

it("hash-api-key without a key is a usage error", async () => {
  const { code, stderr, stdout } = await run(["hash-api-key"])
  assert.strictEqual(stdout, "")
  assert.match(stderr, /^PTTH_USAGE: hash-api-key: there is no key on standard input\. [^\n]*\n$/)
  assert.strictEqual(code, 2)
})

it("keygen prints a key and its tripcode, which hash-api-key prints as well", async () => {
  const { code, stdout } = await run(["keygen"])
  assert.strictEqual(code, 0)
  const [key] = stdout.split("\n")
  assert.match(key ?? "", /^(?:[A-Z][a-z]+){7}$/)
  assert.include(stdout, `\napi_key = "${key}"\n`)
  const hashed = await run(["hash-api-key"], { input: stdout })
  assert.include(stdout, `\ntripcode = "${hashed.stdout.trim()}"\n`)
})

it("keygen --cluster prints a key alone, another one each time", async () => {
  const [first, second] = [await run(["keygen", "--cluster"]), await run(["keygen", "--cluster"])]
  for (const { code, stdout } of [first, second]) {
    assert.match(stdout, /^[A-Za-z0-9_-]{43}\n$/)
    assert.strictEqual(code, 0)
  }
  assert.notStrictEqual(first.stdout, second.stdout)
})

it("print-tripcode prints two lines of TOML for the key of the configuration", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "ptth_server.toml"), `name = "attic"\napi_key = "${golden.key}"\n`, {
      mode: 0o600,
    })
    const { code, stdout } = await run(["server", "--print-tripcode"], { cwd })
    assert.strictEqual(stdout, `name = "attic"\ntripcode = "${golden.tripcode}"\n`)
    assert.strictEqual(code, 0)
    const renamed = await run(["server", "--print-tripcode", "--name", "cellar"], {
      cwd,
      env: { PTTH_SERVER_NAME: "ignored" },
    })
    assert.include(renamed.stdout, 'name = "cellar"')
  }))

it("auto-gen-key writes a configuration with a key once, readable by its owner only", () =>
  inFolder(async (cwd) => {
    const path = join(cwd, "ptth_server.toml")
    const args = ["server", "--auto-gen-key", "--print-tripcode", "--name", "attic"]
    const first = await run(args, { cwd })
    assert.strictEqual(first.code, 0)
    assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    const text = readFileSync(path, "utf8")
    const key = /^api_key = "(\w+)"\n$/.exec(text)?.[1] ?? ""
    const hashed = await run(["hash-api-key"], { input: key })
    assert.strictEqual(first.stdout, `name = "attic"\ntripcode = "${hashed.stdout.trim()}"\n`)
    assert.notInclude(first.stderr, key)
    const second = await run(args, { cwd })
    assert.strictEqual(second.stdout, first.stdout)
    assert.strictEqual(readFileSync(path, "utf8"), text)
    const named = await run([...args, "--config-path", "other.toml"], { cwd })
    assert.notStrictEqual(named.stdout, first.stdout)
    assert.isTrue(existsSync(join(cwd, "other.toml")))
  }))
