import { hash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../../src/domain/HeaderList.ts"
import type { ManageOptions } from "../../../src/fileserver/change/ManageRules.ts"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import * as Body from "../../../src/transport/body/Body.ts"
import { callHandler } from "../../support/callHandler.ts"
import { temporaryFolder, untilClosed } from "../../support/temporaryFolder.ts"

const site = async (manage: ManageOptions | false = {}) => {
  const root = path.join(temporaryFolder(), "root")
  fs.mkdirSync(path.join(root, "dir"), { recursive: true })
  fs.writeFileSync(path.join(root, "a.txt"), "hello\n")
  fs.writeFileSync(path.join(root, "dir", "b.txt"), "b")
  const handler = await Effect.runPromise(FileServer.make({ root, manage }))
  const post = (
    target: string,
    fields: ReadonlyArray<readonly [string, string]>,
    headers: HeaderList = [],
  ) =>
    callHandler(handler, {
      method: "POST",
      target,
      headers: [["Content-Type", "application/x-www-form-urlencoded"], ...headers],
      body: Body.fromText(new URLSearchParams(fields.map(([k, v]) => [k, v])).toString()),
    })
  const names = (folder = ""): ReadonlyArray<string> =>
    fs
      .readdirSync(path.join(root, folder))
      .filter((name) => !name.startsWith(".ptth-"))
      .sort()
  return { root, handler, post, names }
}

const json = [["Accept", "application/json"]] as const

describe("a form that changes a folder", () => {
  it("makes, renames, moves and copies, and leads back to the folder", async () => {
    const { names, post, root } = await site()
    const made = await post("/files/?change=folder", [["name", " new ü "]])
    assert.strictEqual(made.status, 303)
    assert.strictEqual(made.header("location"), "./")
    await post("/files/?change=rename", [
      ["entry", "a.txt"],
      ["name", "c.txt"],
    ])
    await post("/files/?change=copy", [
      ["entry", "c.txt"],
      ["to", "new ü"],
    ])
    await post("/files/?change=move", [
      ["entry", "c.txt"],
      ["entry", "dir"],
      ["to", "/new ü"],
    ])
    assert.deepStrictEqual(names(), ["c.txt", "new ü"])
    // The copy has the name that the move wants.
    assert.deepStrictEqual(names("new ü"), ["c.txt", "dir"])
    await post("/files/new%20%C3%BC/dir/?change=move", [
      ["entry", "b.txt"],
      ["to", "../.."],
    ])
    assert.deepStrictEqual(names(), ["b.txt", "c.txt", "new ü"])
    assert.deepStrictEqual(await untilClosed(root), [])
  })

  it("makes an empty text, and leads to its editor", async () => {
    const { handler, post, root } = await site({ folders: ["dir"] })
    const make = (name: string, folder = "/files/dir/") =>
      post(`${folder}?change=text`, [["name", name]])
    const made = await make(" new ü.md ")
    assert.strictEqual(made.status, 303)
    const location = made.header("location") ?? ""
    assert.strictEqual(fs.readFileSync(path.join(root, "dir", "new ü.md"), "utf8"), "")
    const editor = await callHandler(handler, { target: `/files/dir/${location.slice(2)}` })
    assert.include(editor.text, "data-editor")
    fs.writeFileSync(path.join(root, "dir", "new ü.md"), "text")
    const taken = await make("new ü.md")
    assert.strictEqual(taken.status, 412)
    assert.include(taken.text, "already exists")
    assert.strictEqual(fs.readFileSync(path.join(root, "dir", "new ü.md"), "utf8"), "text")
    for (const [name, status] of [
      [".hidden", 403],
      ["a/b", 403],
      ["", 403],
    ] as const) {
      assert.strictEqual((await make(name)).status, status, name)
    }
    assert.strictEqual((await make("c.txt", "/files/")).status, 403)
    const page = await callHandler(handler, { target: "/files/dir/?manage=text" })
    assert.include(page.text, "?change=text")
    assert.deepStrictEqual(fs.readdirSync(path.join(root, "dir")).sort(), ["b.txt", "new ü.md"])
  })

  it("replaces nothing, and tells what it could not do", async () => {
    const { names, post } = await site()
    const taken = await post("/files/?change=rename", [
      ["entry", "a.txt"],
      ["name", "dir"],
    ])
    assert.strictEqual(taken.status, 412)
    assert.include(taken.text, "already exists")
    const part = await post(
      "/files/?change=move",
      [
        ["entry", "none"],
        ["entry", "a.txt"],
        ["to", "dir"],
      ],
      json,
    )
    assert.strictEqual(part.status, 404)
    assert.deepStrictEqual(JSON.parse(part.text).done, ["a.txt"])
    assert.deepStrictEqual(names("dir"), ["a.txt", "b.txt"])
  })

  it("deletes into a bin, from which it can be put back", async () => {
    const { handler, names, post, root } = await site()
    const deleted = await post(
      "/files/?change=delete",
      [
        ["entry", "a.txt"],
        ["entry", "dir"],
      ],
      json,
    )
    assert.deepStrictEqual(names(), [])
    const { undo } = JSON.parse(deleted.text) as { readonly undo: ReadonlyArray<string> }
    assert.strictEqual(undo.length, 2)
    const served = await callHandler(handler, { target: "/files/.ptth-trash/" })
    assert.strictEqual(served.status, 404)
    fs.writeFileSync(path.join(root, "a.txt"), "new")
    const back = await post(
      "/files/?change=restore",
      undo.map((id) => ["id", id] as const),
      json,
    )
    assert.strictEqual(back.status, 412)
    assert.deepStrictEqual(JSON.parse(back.text).done, ["dir"])
    assert.deepStrictEqual(names("dir"), ["b.txt"])
    fs.rmSync(path.join(root, "a.txt"))
    const again = await post("/files/?change=restore", [["id", undo[0] ?? ""]])
    assert.strictEqual(again.status, 303)
    assert.strictEqual(fs.readFileSync(path.join(root, "a.txt"), "utf8"), "hello\n")
    const gone = await post("/files/?change=restore", [["id", "../../x"]])
    assert.strictEqual(gone.status, 404)
  })

  it("deletes for good what is in the bin, where the visitor may change things", async () => {
    const { handler, post, root } = await site({ folders: ["dir"] })
    const bin = path.join(root, ".ptth-trash")
    const other = "0123456789abcdef01234567"
    fs.mkdirSync(path.join(bin, other), { recursive: true })
    const info = { segments: ["a.txt"], deleted: Date.now(), folder: false, size: 1 }
    fs.writeFileSync(path.join(bin, other, "info"), JSON.stringify(info))
    const deleted = await post("/files/dir/?change=delete", [["entry", "b.txt"]], json)
    const [mine = ""] = JSON.parse(deleted.text).undo as ReadonlyArray<string>
    const page = await callHandler(handler, { target: "/files/?manage=bin" })
    assert.include(page.text, "One entry (1 B) will be deleted for good.")
    const erase = (...ids: ReadonlyArray<string>) =>
      post(
        "/files/?change=erase",
        ids.map((id) => ["id", id] as const),
      )
    assert.strictEqual((await erase(other)).status, 403)
    assert.strictEqual((await erase("../../dir")).status, 404)
    assert.strictEqual((await erase()).status, 400)
    const erased = await erase(mine)
    assert.deepStrictEqual([erased.status, erased.header("location")], [303, "./?manage=bin"])
    assert.deepStrictEqual(fs.readdirSync(bin), [other])
    assert.strictEqual((await erase(mine)).status, 404)
    assert.deepStrictEqual(await untilClosed(root), [])
  })

  it("puts back what was in a folder that is gone, too", async () => {
    const { names, post } = await site()
    const first = await post("/files/dir/?change=delete", [["entry", "b.txt"]])
    const id = first.header("location")?.replace("./?deleted=", "") ?? ""
    await post("/files/?change=delete", [["entry", "dir"]])
    await post("/files/?change=restore", [["id", id]])
    assert.deepStrictEqual(names("dir"), ["b.txt"])
  })

  it("saves a text unless it was changed meanwhile", async () => {
    const { post, root } = await site()
    const digest = hash("sha256", "hello\n", "base64url")
    const save = (content: string, of = digest) =>
      post("/files/?change=save", [
        ["entry", "a.txt"],
        ["content", content],
        ["digest", of],
      ])
    const saved = await save("one\r\ntwo\r\n")
    assert.strictEqual(saved.status, 303)
    assert.strictEqual(fs.readFileSync(path.join(root, "a.txt"), "utf8"), "one\ntwo\n")
    assert.strictEqual((await save("three")).status, 412)
    assert.strictEqual(fs.readFileSync(path.join(root, "a.txt"), "utf8"), "one\ntwo\n")
  })

  it.each<readonly [string, string, ReadonlyArray<readonly [string, string]>, HeaderList, number]>([
    ["of another site", "folder", [["name", "x"]], [["Sec-Fetch-Site", "cross-site"]], 403],
    ["of another origin", "delete", [["entry", "a.txt"]], [["Origin", "http://evil.example"]], 403],
    ["without a name", "folder", [], [], 400],
    ["with a path as name", "folder", [["name", "../x"]], [], 403],
    ["with a path as entry", "delete", [["entry", "dir/b.txt"]], [], 400],
    ["with an encoded path as entry", "delete", [["entry", "dir%2Fb.txt"]], [], 400],
    [
      "that leads above",
      "move",
      [
        ["entry", "a.txt"],
        ["to", "../.."],
      ],
      [],
      400,
    ],
    [
      "to a folder that is not there",
      "move",
      [
        ["entry", "a.txt"],
        ["to", "none"],
      ],
      [],
      409,
    ],
    [
      "with a dotfile",
      "rename",
      [
        ["entry", "a.txt"],
        ["name", ".a"],
      ],
      [],
      403,
    ],
    [
      "with the bin",
      "move",
      [
        ["entry", "a.txt"],
        ["to", "/.ptth-trash"],
      ],
      [],
      409,
    ],
    [
      "with an invisible name",
      "rename",
      [
        ["entry", "a.txt"],
        ["name", "a\u202ex"],
      ],
      [],
      403,
    ],
  ])("%s is refused", async (_, action, fields, headers, status) => {
    const { names, post } = await site()
    const answer = await post(`/files/?change=${action}`, fields, headers)
    assert.strictEqual(answer.status, status, answer.text)
    assert.deepStrictEqual([names(), names("dir")], [["a.txt", "dir"], ["b.txt"]])
  })

  it("leaves nothing of a text whose visitor leaves before the change", async () => {
    const { handler, root } = await site()
    const digest = hash("sha256", "hello\n", "base64url")
    const fields = new URLSearchParams({ entry: "a.txt", content: "new", digest, ends: "lf" })
    const asked = Promise.withResolvers<void>()
    const answered = (): void => assert.fail("There was a response.")
    const cancel = handler(
      {
        method: "POST",
        target: "/files/?change=save",
        headers: [["Content-Type", "application/x-www-form-urlencoded"]],
      },
      Body.fromText(fields.toString()),
      { respond: answered, fail: answered, commit: () => asked.resolve() },
    )
    await asked.promise
    cancel()
    assert.deepStrictEqual(await untilClosed(root), [])
    assert.deepStrictEqual(fs.readdirSync(root).sort(), ["a.txt", "dir"])
    assert.strictEqual(fs.readFileSync(path.join(root, "a.txt"), "utf8"), "hello\n")
  })

  it("neither shows nor reaches what is not served, though nobody may guess its name", async () => {
    const { handler, post, root } = await site()
    for (const folder of [".git", ".ptth-trash"]) fs.mkdirSync(path.join(root, folder))
    fs.writeFileSync(path.join(root, ".env"), "SECRET")
    fs.writeFileSync(path.join(root, ".git", "config"), "SECRET")
    const before = fs.readdirSync(root, { recursive: true })
    for (const to of ["/.git", "/.ptth-trash", ".git", "dir/../.git"]) {
      for (const action of ["move", "copy"]) {
        const answer = await post(`/files/?change=${action}`, [
          ["entry", "a.txt"],
          ["to", to],
        ])
        assert.strictEqual(answer.status, 409, to)
      }
    }
    for (const entry of [".env", "%2Eenv", ".git", "..", ".git/config", ".git%2Fconfig", ".", ""]) {
      for (const page of ["entry", "edit"]) {
        const query = new URLSearchParams({ manage: page, entry })
        const answer = await callHandler(handler, { target: `/files/?${query}` })
        assert.strictEqual(answer.status, 404, entry)
        assert.notInclude(answer.text, "SECRET")
      }
      const deleted = await post("/files/?change=delete", [["entry", entry]])
      assert.include([400, 404], deleted.status, entry)
    }
    assert.deepStrictEqual(fs.readdirSync(root, { recursive: true }), before)
  })

  it("has pages without script: for an entry, for a text, for the bin", async () => {
    const { handler, post, root } = await site()
    const page = async (query: string) => {
      const answer = await callHandler(handler, {
        target: `/files/?${query}`,
        headers: [["Accept", "text/html"]],
      })
      assert.strictEqual(answer.status, 200, query)
      return answer.text
    }
    assert.include(await page("manage=new"), `action="./?change=folder"`)
    assert.include(await page("manage=entry&entry=a.txt"), `name="name" value="a.txt"`)
    assert.include(await page("manage=edit&entry=a.txt"), ">\nhello\n</textarea>")
    const deleted = await post("/files/?change=delete", [["entry", "a.txt"]])
    const location = deleted.header("location") ?? ""
    assert.include(await page(location.slice("./?".length)), "One entry was deleted.")
    assert.include(await page("manage=bin"), "Put a.txt back")
    assert.include(await page(""), `href="./?manage=entry&amp;entry=dir"`)
    // Names that are no UTF-8, or look like percent-encoding.
    fs.writeFileSync(path.join(root, "a%41 b"), "")
    fs.writeFileSync(Buffer.from(`${root}/\xff.txt`, "latin1"), "")
    const listing = await page("")
    for (const href of ["a%252541%2520b", "%25FF.txt"]) {
      assert.include(listing, `href="./?manage=entry&amp;entry=${href}"`)
      const value = href.replaceAll("%25", "%")
      assert.include(await page(`manage=entry&entry=${href}`), `name="entry" value="${value}"`)
    }
    const none = await site(false)
    const plain = await callHandler(none.handler, { target: "/files/?manage=new" })
    assert.notInclude(plain.text, "change=folder")
  })

  it("refuses names that no file can have", async () => {
    const { names, post } = await site()
    for (const fields of [[["name", "a\0b"]], [["name", "a".repeat(300)]]] as const) {
      const answer = await post("/files/?change=folder", fields)
      assert.strictEqual(answer.status, 403)
    }
    const renamed = await post("/files/?change=rename", [
      ["entry", "a%00"],
      ["name", "b"],
    ])
    assert.strictEqual(renamed.status, 403)
    assert.deepStrictEqual(names(), ["a.txt", "dir"])
  })

  it("changes only folders that may be changed", async () => {
    const { names, post } = await site({ folders: ["dir"] })
    assert.strictEqual((await post("/files/?change=folder", [["name", "x"]])).status, 403)
    assert.strictEqual((await post("/files/dir/?change=folder", [["name", "x"]])).status, 303)
    assert.deepStrictEqual(names("dir"), ["b.txt", "x"])
    const none = await site(false)
    assert.strictEqual((await none.post("/files/?change=folder", [["name", "x"]])).status, 405)
  })
})
