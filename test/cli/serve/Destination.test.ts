/**
 * What a server gives its visitors: a local port, or a folder behind a
 * password.
 */
import { once } from "node:events"
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { inFolder, type Running, run, start } from "../Command.ts"

const opened = async (running: Running): Promise<string> =>
  (await running.said(/^ {2}Open +(http:\S+)/m))[1] as string

const end = async (running: Running) => {
  running.child.kill("SIGTERM")
  assert.strictEqual((await running.ended).code, 0)
}

const credentials = (text: string) => ({
  headers: { Authorization: `Basic ${Buffer.from(text).toString("base64")}` },
})

it("dev --to PORT forwards requests to an application on that port", async () => {
  const app = http.createServer((req, res) => {
    res.setHeader("X-Saw", `${req.method} ${req.url} ${req.headers["x-forwarded-prefix"]}`)
    res.end("from the app")
  })
  app.listen(0, "127.0.0.1")
  await once(app, "listening")
  const { port } = app.address() as AddressInfo
  const dev = start(["dev", "--to", `http://127.0.0.1:${port}`, "--listen", "127.0.0.1:0"])
  const response = await fetch(`${await opened(dev)}a/b?c=d`, { method: "DELETE" })
  assert.strictEqual(await response.text(), "from the app")
  assert.strictEqual(response.headers.get("x-saw"), "DELETE /a/b?c=d /servers/dev")
  app.closeAllConnections()
  app.close()
  const down = await fetch(await opened(dev))
  assert.strictEqual(down.status, 502)
  assert.include(await down.text(), "PTTH_ORIGIN_DOWN")
  await end(dev)
})

it.each(["http://127.0.0.1:80/?query", "localhost:99999"])(
  "--to %s is a usage error",
  async (to) => {
    const { code, stderr } = await run(["dev", "--to", to])
    assert.strictEqual(code, 2)
    assert.match(stderr, /^PTTH_USAGE: --to: [^\n]+\n$/)
  },
)

it("fileserver --auth lets in visitors with the password that hash-password hashed", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "hello.txt"), "hello\n")
    const hashed = await run(["hash-password"], { input: "open sesame\n" })
    assert.strictEqual(hashed.code, 0)
    assert.notInclude(hashed.stdout, "sesame")
    const files = start(["fileserver", cwd, "--auth", "me", "--listen", "127.0.0.1:0"], {
      env: { PTTH_FILESERVER_AUTH_PASSWORD: hashed.stdout.trim() },
    })
    const url = `${await opened(files)}files/hello.txt`
    const stranger = await fetch(url)
    assert.strictEqual(stranger.status, 401)
    assert.include(stranger.headers.get("www-authenticate") ?? "", "Basic realm=")
    assert.strictEqual((await fetch(url, credentials("me:wrong"))).status, 401)
    const known = await fetch(url, credentials("me:open sesame"))
    assert.strictEqual(await known.text(), "hello\n")
    await end(files)
  }))

it("fileserver --auth without a hashed password does not start", async () => {
  const { code, stderr } = await run(["fileserver", "--auth", "me", "--listen", "127.0.0.1:0"])
  assert.strictEqual(code, 2)
  assert.match(stderr, /^PTTH_USAGE: --auth: [^\n]*PTTH_FILESERVER_AUTH_PASSWORD[^\n]*\n$/)
})

it("fileserver serves and hides files as its flags say", () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, "old.bak"), "old\n")
    writeFileSync(join(cwd, "secret.txt"), "secret\n")
    writeFileSync(join(cwd, ".profile"), "profile\n")
    writeFileSync(join(cwd, "page.html"), "<p>page</p>\n")
    symlinkSync("page.html", join(cwd, "link.html"))
    const status = async (url: string): Promise<number> => {
      const response = await fetch(url)
      await response.arrayBuffer()
      return response.status
    }
    const plain = start(["fileserver", cwd, "--listen", "127.0.0.1:0"])
    const url = `${await opened(plain)}files/`
    assert.strictEqual(await status(`${url}old.bak`), 200)
    assert.strictEqual(await status(`${url}secret.txt`), 200)
    assert.strictEqual(await status(`${url}.profile`), 404)
    assert.strictEqual(await status(`${url}link.html`), 200)
    await end(plain)
    const files = start([
      "fileserver",
      cwd,
      "--listen",
      "127.0.0.1:0",
      "--hidden",
      "*.{bak,tmp}, x/**",
      "--hidden",
      "secret*",
      "--dotfiles",
      "--symlinks",
      "never",
      "--trusted-content",
    ])
    const other = `${await opened(files)}files/`
    assert.strictEqual(await status(`${other}old.bak`), 404)
    assert.strictEqual(await status(`${other}secret.txt`), 404)
    assert.strictEqual(await status(`${other}.profile`), 200)
    assert.strictEqual(await status(`${other}link.html`), 404)
    const page = await fetch(`${other}page.html`)
    assert.isNull(page.headers.get("content-security-policy"))
    await end(files)
  }))

it.each(["fileserver", "dev"])(
  "%s takes uploads in the folders and up to the size of its flags",
  (command) =>
    inFolder(async (cwd) => {
      mkdirSync(join(cwd, "inbox"))
      const flags = ["--uploads", "--uploads-folders", "inbox", "--uploads-max", "5"]
      const files = start([command, cwd, "--listen", "127.0.0.1:0", ...flags])
      const url = `${await opened(files)}files/`
      const put = async (target: string, body: string): Promise<number> => {
        const response = await fetch(url + target, { method: "PUT", body })
        await response.arrayBuffer()
        return response.status
      }
      assert.strictEqual(await put("a.txt", "12345"), 403)
      assert.strictEqual(await put("inbox/a.txt", "123456"), 413)
      assert.strictEqual(await put("inbox/a.txt", "12345"), 201)
      assert.deepStrictEqual(readdirSync(join(cwd, "inbox")), ["a.txt"])
      await end(files)
    }),
)

it("fileserver --uploads-max without a number is a usage error", async () => {
  const { code, stderr } = await run(["fileserver", "--uploads-max", "5 MB"])
  assert.strictEqual(code, 2)
  assert.match(stderr, /^PTTH_USAGE: --uploads-max: expected a number of bytes[^\n]*\n$/)
})

it("fileserver --symlinks with an unknown policy is a usage error", async () => {
  const { code, stderr } = await run(["fileserver", "--symlinks", "all", "--listen", "127.0.0.1:0"])
  assert.strictEqual(code, 2)
  assert.match(stderr, /^PTTH_USAGE: --symlinks: expected "inside", "never" or "follow"[^\n]*\n$/)
})
