/**
 * The commands that stay: what they print, what they serve, how they end.
 */
import { once } from "node:events"
import { mkdirSync, truncateSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, type Running, run, start } from "./Command.ts"

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"
const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="

const address = async (running: Running, label: string): Promise<string> => {
  const match = await running.said(new RegExp(`^  ${label} +(http://\\S+)`, "m"))
  return match[1] as string
}

const stop = async (running: Running, signal: NodeJS.Signals = "SIGTERM") => {
  running.child.kill(signal)
  return running.ended
}

it.each(["SIGINT", "SIGTERM"] as const)(
  "dev serves a folder through relay and tunnel, and %s stops it cleanly",
  (signal) =>
    inFolder(async (cwd) => {
      writeFileSync(join(cwd, "hello.txt"), "hello\n")
      const dev = start(["dev", cwd, "--listen", "127.0.0.1:0"])
      const open = await address(dev, "Open")
      assert.match(open, /^http:\/\/127\.0\.0\.1:\d+\/servers\/dev\/$/)
      const response = await fetch(`${open}files/hello.txt`)
      assert.strictEqual(await response.text(), "hello\n")
      const { code, stderr, stdout } = await stop(dev, signal)
      assert.strictEqual(code, 0)
      assert.match(stdout, /^PTTH \d+\.\d+\.\d+ · development: loopback only, throwaway key\n/)
      assert.include(stdout, `Files  ${cwd} (read only)`)
      assert.notMatch(stderr, /\n\s+at /)
      assert.notInclude(stdout + stderr, "trying again")
    }),
)

/** The status of a GET to an address with another Host field. */
const statusFor = async (url: string, host: string): Promise<number> => {
  const request = http.get(url, { headers: { Host: host }, agent: false })
  const [response] = (await once(request, "response")) as [http.IncomingMessage]
  response.resume()
  return response.statusCode as number
}

it.each([
  ["dev", "files/hello.txt"],
  ["fileserver", "files/hello.txt"],
])("%s on loopback answers only to names that no other site can have", (command, path) =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "hello.txt"), "hello\n")
    const args = [command, cwd, "--listen", "127.0.0.1:0"]
    const open = await address(start(args), "Open")
    for (const host of ["evil.example", "evil.example:4000", "127.0.0.1.evil.example"])
      assert.strictEqual(await statusFor(`${open}${path}`, host), 421, host)
    for (const host of ["localhost:4000", "LOCALHOST", "a.localhost", "[::1]:4000", "192.0.2.7"])
      assert.strictEqual(await statusFor(`${open}${path}`, host), 200, host)
    const named = await address(start([...args, "--allowed-hosts", "*.test,files.example"]), "Open")
    for (const host of ["a.test", "files.example:80"])
      assert.strictEqual(await statusFor(`${named}${path}`, host), 200, host)
    assert.strictEqual(await statusFor(`${named}${path}`, "evil.example"), 421)
  }),
)

it("a file server that listens on every address answers to every name", () =>
  inFolder(async (cwd) => {
    const open = await address(start(["fileserver", cwd, "--listen", "0.0.0.0:0"]), "Open")
    assert.strictEqual(await statusFor(open.replace("0.0.0.0", "127.0.0.1"), "nas.home"), 200)
  }))

it("relay and server connect, each with its own configuration, and both stop cleanly", () =>
  inFolder(async (cwd) => {
    mkdirSync(join(cwd, "files"))
    writeFileSync(join(cwd, "files", "hello.txt"), "hello\n")
    writeFileSync(
      join(cwd, "ptth_relay.toml"),
      `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`,
    )
    const relay = start(["relay"], { cwd, env: { PTTH_RELAY_PORT: "0" } })
    const base = await address(relay, "Listening")
    writeFileSync(
      join(cwd, "ptth_server.toml"),
      `name = "attic"\napi_key = "${key}"\nrelay_url = "${base}7ZSFUKGV"\nfile_server_root = "files"\n`,
      { mode: 0o600 },
    )
    const server = start(["server"], { cwd })
    assert.strictEqual(await address(server, "Open"), `${base}servers/attic/`)
    const response = await fetch(`${base}servers/attic/files/hello.txt`)
    assert.strictEqual(await response.text(), "hello\n")
    const serverEnd = await stop(server)
    const relayEnd = await stop(relay)
    assert.strictEqual(serverEnd.code, 0)
    assert.strictEqual(relayEnd.code, 0)
    assert.include(relayEnd.stdout, "Config     ./ptth_relay.toml")
    assert.include(relayEnd.stdout, "Servers    1 registered")
    for (const text of [serverEnd.stdout, serverEnd.stderr, relayEnd.stdout, relayEnd.stderr]) {
      assert.notInclude(text, key)
    }
  }))

it("a relay without a configuration starts without servers and prints the places it searched", () =>
  inFolder(async (cwd) => {
    const relay = start(["relay", "--listen", "127.0.0.1:0"], { cwd })
    await address(relay, "Listening")
    const { code, stdout } = await stop(relay)
    assert.strictEqual(code, 0)
    assert.include(
      stdout,
      "Config     none; looked for ./ptth_relay.toml and ./config/ptth_relay.toml",
    )
    assert.include(stdout, "Servers    none yet")
  }))

it("logs are lines of JSON on stderr without a terminal, and only results are on stdout", () =>
  inFolder(async (cwd) => {
    const relay = start(["relay", "--port", "0", "--asset-root", "/x"], { cwd })
    await address(relay, "Listening")
    const { stderr, stdout } = await stop(relay)
    const logged = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { message: string; level: string })
    assert.isTrue(logged.some((one) => one.message.includes("pages are built in")))
    assert.notInclude(stdout, "{")
  }))

it("a configuration that becomes invalid while the relay runs is reported, and reloaded when it is corrected", () =>
  inFolder(async (cwd) => {
    const path = join(cwd, "ptth_relay.toml")
    writeFileSync(path, "")
    const relay = start(["relay", "--port", "0"], { cwd })
    await address(relay, "Listening")
    writeFileSync(path, "[[servers]\n")
    await relay.said(/config not reloaded.*PTTH_CONFIG_SYNTAX/, "stderr")
    writeFileSync(path, `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`)
    await relay.said(/config reloaded: servers registered: 1/, "stderr")
    assert.strictEqual((await stop(relay)).code, 0)
  }))

it("a port in use is one line on stderr and exit code 3, for every command that listens", async () => {
  const taken = createServer()
  taken.listen(0, "127.0.0.1")
  await once(taken, "listening")
  const bound = taken.address()
  assert.isTrue(typeof bound === "object" && bound !== null)
  const listen = `127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`
  try {
    await inFolder(async (cwd) => {
      for (const command of ["relay", "fileserver", "dev"]) {
        const { code, stderr, stdout } = await run([command, "--listen", listen], { cwd })
        assert.strictEqual(stdout, "")
        assert.match(stderr, new RegExp(`^PTTH_PORT_IN_USE: ${listen} is taken\\. [^\\n]+\\n$`))
        assert.include(stderr, "It is the address of --listen.")
        assert.strictEqual(code, 3)
      }
      const admin = ["relay", "--port", "0", "--admin-listen", listen]
      const { code, stderr } = await run(admin, { cwd })
      // Nothing has started then, and the log does not say so.
      assert.match(
        stderr,
        new RegExp(`^PTTH_PORT_IN_USE: ${listen} is taken\\. [^\\n]*--admin-listen [^\\n]+\\n$`),
      )
      assert.strictEqual(code, 3)
      const workers = await run([...admin, "--workers", "2"], { cwd })
      assert.include(workers.stderr, "--admin-listen")
      const own = workers.stderr.split("\n").filter((line) => !line.includes('"relay":'))
      assert.notInclude(own.join("\n"), "relay started", "workers have, the relay has not")
    })
  } finally {
    taken.close()
  }
})

it("the file server serves a folder without a relay, and never a configuration in it", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "hello.txt"), "hello\n")
    writeFileSync(join(cwd, "ptth_server.toml"), `api_key = "${key}"\n`, { mode: 0o600 })
    const files = start(["fileserver", "--listen", "127.0.0.1:0"], { cwd })
    const open = await address(files, "Open")
    assert.strictEqual(await (await fetch(`${open}files/hello.txt`)).text(), "hello\n")
    const secret = await fetch(`${open}files/ptth_server.toml`)
    assert.strictEqual(secret.status, 404)
    assert.notInclude(await secret.text(), key)
    assert.strictEqual((await stop(files)).code, 0)
  }))

const refusesConnections = (url: URL): Promise<void> =>
  new Promise((resolve) => {
    const attempt = (): void => {
      const socket = connect(Number(url.port), url.hostname)
      socket.once("error", () => resolve())
      socket.once("connect", () => {
        socket.destroy()
        setImmediate(attempt)
      })
    }
    attempt()
  })

it("a first signal waits for a running download, a second one does not", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "large"), "")
    truncateSync(join(cwd, "large"), 1024 ** 3)
    const files = start(["fileserver", cwd, "--listen", "127.0.0.1:0"])
    const url = new URL("files/large", await address(files, "Open"))
    const request = http.get(url)
    request.on("error", () => {})
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    response.on("error", () => {})
    response.pause()
    files.child.kill("SIGTERM")
    await refusesConnections(url)
    assert.isNull(files.child.exitCode)
    files.child.kill("SIGTERM")
    assert.strictEqual((await files.ended).code, 143)
    request.destroy()
  }))

it("the file server and dev share a single file, and no neighbour of it", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, ".a.txt"), "own")
    writeFileSync(join(cwd, "other.txt"), "secret")
    const file = join(cwd, ".a.txt")
    for (const args of [
      ["fileserver", file, "--listen", "127.0.0.1:0"],
      ["dev", file, "--listen", "127.0.0.1:0"],
    ]) {
      const program = start(args, { cwd })
      const open = await address(program, "Open")
      // dev's server may not be connected yet; the relay waits for it.
      assert.strictEqual(await (await fetch(`${open}files/.a.txt`)).text(), "own")
      assert.notInclude(await (await fetch(`${open}files/`)).text(), "other.txt")
      assert.strictEqual((await fetch(`${open}files/other.txt`)).status, 404)
      assert.strictEqual((await stop(program)).code, 0)
    }
    const refused = await run(["fileserver", file, "--uploads", "--listen", "127.0.0.1:0"], { cwd })
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, "PTTH_USAGE: --uploads: a single file is shared")
  }))
