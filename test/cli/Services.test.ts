/**
 * `ptth server` with several services, which SIGHUP changes, as `ptth status`
 * shows it.
 */
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { key, tripcode } from "./AtticServer.ts"
import { inFolder, run, start } from "./Command.ts"

const listening = async (name: string) => {
  const app = http.createServer((req, res) => {
    res.write(`${name} `)
    if (req.url?.endsWith("/slow") !== true) return res.end(req.url)
    return app.once("finish", () => res.end("at last"))
  })
  app.listen(0, "127.0.0.1")
  await once(app, "listening")
  return { app, port: (app.address() as AddressInfo).port }
}

it("services share a process, and a reload changes some without the links of the others", () =>
  inFolder(async (cwd) => {
    const one = await listening("one")
    const two = await listening("two")
    const names = ["files", "app", "late"]
    writeFileSync(
      join(cwd, "ptth_relay.toml"),
      `port = 0\n${names.map((name) => `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n`).join("")}`,
    )
    mkdirSync(join(cwd, "shared"))
    writeFileSync(join(cwd, "shared", "a.txt"), "a file\n")
    const env = { XDG_RUNTIME_DIR: join(cwd, "run") }
    mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 })
    const relay = start(["relay"], { cwd, env })
    const [, base = ""] = await relay.said(/^ {2}Listening +(http:\/\/\S+)/m)
    const head = `relay_url = "${base}"\napi_key = "${key}"\n`
    const files = '[[services]]\nname = "files"\nfile_server_root = "shared"\n'
    const app = (port: number, route: number) =>
      `[[services]]\nname = "app"\nto = ${port}\n[[services.routes]]\npath = "/api"\nto = ${route}\n`
    const late = `[[services]]\nname = "late"\nto = ${two.port}\n`
    const write = (...services: ReadonlyArray<string>): void =>
      writeFileSync(join(cwd, "ptth_server.toml"), head + services.join(""), { mode: 0o600 })
    const get = async (path: string) => (await fetch(`${base}servers/${path}`)).text()
    const linksOf = async () => {
      const { code, stdout } = await run(["status", "--json"], { env })
      assert.strictEqual(code, 0)
      const statuses = JSON.parse(stdout) as ReadonlyArray<{
        readonly kind: string
        readonly services?: ReadonlyArray<{ readonly name: string; readonly state: string }>
        readonly relay?: { readonly connected: number; readonly registered: number }
      }>
      return [
        statuses.map(({ kind }) => kind),
        statuses[0]?.relay?.connected,
        statuses[1]?.services?.map(({ name, state }) => `${name} ${state}`),
      ]
    }

    write(files, app(one.port, two.port))
    const server = start(["server"], { cwd, env })
    await server.said(/connected: \S+\/files\//, "stderr")
    await server.said(/connected: \S+\/app\//, "stderr")
    assert.strictEqual(await get("files/files/a.txt"), "a file\n")
    assert.strictEqual(await get("app/x"), "one /x")
    assert.strictEqual(await get("app/api/x"), "two /api/x")
    assert.deepStrictEqual(await linksOf(), [
      ["relay", "server"],
      2,
      ["files connected", "app connected"],
    ])

    const slow = (await fetch(`${base}servers/app/slow`)).body?.getReader()
    const piece = async () => Buffer.from((await slow?.read())?.value ?? []).toString()
    assert.strictEqual(await piece(), "one ")
    write(app(two.port, one.port), late)
    server.child.kill("SIGHUP")
    await server.said(/configuration reloaded: app, late/, "stderr")
    await server.said(/connected: \S+\/late\//, "stderr")
    assert.strictEqual(await get("app/x"), "two /x")
    assert.strictEqual(await get("app/api"), "one /api")
    assert.strictEqual(await get("late/y"), "two /y")
    assert.strictEqual((await fetch(`${base}servers/files/`)).status, 503)
    one.app.emit("finish")
    assert.strictEqual(await piece(), "at last", "a request goes on with what it began with")

    write(app(two.port, one.port), late, late)
    server.child.kill("SIGHUP")
    await server.said(/not reloaded.*is there twice/s, "stderr")
    assert.strictEqual(await get("late/y"), "two /y")

    for (const running of [server, relay]) {
      running.child.kill("SIGTERM")
      assert.strictEqual((await running.ended).code, 0)
    }
    assert.strictEqual((await run(["status"], { env })).stdout, "Nothing of this user runs.\n")
    for (const { app } of [one, two]) {
      app.closeAllConnections()
      app.close()
    }
  }))
