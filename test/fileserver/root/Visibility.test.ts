/**
 * Which names are listed, searched and served, by every way to ask: hidden patterns, dot files,
 * symbolic links; and which files browsers run.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Visibility from "../../../src/fileserver/root/Visibility.ts"
import { type ServedFolder, servedFolder } from "../../support/servedFolder.ts"
import { untilClosed } from "../../support/temporaryFolder.ts"

interface Listed {
  readonly entries: ReadonlyArray<{ readonly name: string; readonly is_dir: boolean }>
}

/** Every path below a folder that the listings and one search tell of. */
const listed = async ({ get }: ServedFolder): Promise<ReadonlyArray<string>> => {
  const walk = async (folder: string): Promise<ReadonlyArray<string>> => {
    const { entries } = JSON.parse((await get(`/api/v1/dir/${folder}`)).text) as Listed
    const below = await Promise.all(
      entries.map(async ({ is_dir, name }) => [
        folder + name,
        ...(is_dir ? await walk(`${folder}${encodeURIComponent(name)}/`) : []),
      ]),
    )
    return below.flat()
  }
  return [...(await walk(""))].sort()
}

const statusOf = async (site: ServedFolder, target: string): Promise<number> =>
  (await site.get(`/files/${target}`)).status

describe("patterns of hidden names", () => {
  it.each([
    ["*.bak", "a.bak", true],
    ["*.bak", "deep/down/a.bak", true],
    ["*.bak", ".a.bak", true],
    ["*.bak", "a.bak/inside", true],
    ["*.bak", "a.bak.txt", false],
    ["private/**", "private", true],
    ["private/**", "private/a/b", true],
    ["private/**", "private/.ssh/key", true],
    ["private/**", "other/private/a", false],
    ["/private", "private/a", true],
    ["/private", "other/private", false],
    ["private", "other/private/a", true],
    ["private/", "private/a", true],
    ["**/cache/*.db", "a/b/cache/x.db", true],
    ["**/cache/*.db", "cache/x.db", true],
    ["**/cache/*.db", "a/cache", false],
    ["[ab].txt", "a.txt", true],
    ["[ab].txt", "c.txt", false],
    ["{a,b}.txt", "b.txt", true],
    ["a?c", "abc", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["a b\n*", "a b\nc", true],
    ["é*", "\xc3\xa9t\xc3\xa9", true],
    ["\u00e9.txt", "e\xcc\x81.txt", true],
    ["e\u0301.txt", "\xc3\xa9.txt", true],
    ["caf?/", "cafe\xcc\x81/menu", true],
    ["/a/e\u0301/**", "a/\xc3\xa9/b", true],
    ["*", "anything", true],
    ["", "a", false],
  ])("%j hides %j: %s", (pattern, target, hides) => {
    const visibility = Visibility.make({ hidden: [pattern] })
    assert.strictEqual(visibility.hides(target.split("/")), hides)
  })

  it("match names with special characters of patterns literally", () => {
    const visibility = Visibility.make({ hidden: ["*.bak"] })
    for (const name of ["[*?", "*", "{a,b}", "\\", "**"]) {
      assert.isFalse(visibility.hides([name]))
    }
  })
})

describe("hidden names", () => {
  const files = {
    "a.txt": "public",
    "a.bak": "SECRET",
    "private/key.txt": "SECRET",
    "private/deep/x.txt": "SECRET",
    "dir/old.bak": "SECRET",
    "dir/b.txt": "public",
    "Private.txt": "public",
  }
  const site = () => servedFolder(files, { hidden: ["*.bak", "private/**"] })

  it("are neither listed nor found nor served, under any spelling or link", async () => {
    const made = await site()
    const { base, get, root } = made
    fs.symlinkSync("private", path.join(root, "alias"))
    fs.symlinkSync("private/key.txt", path.join(root, "soft.txt"))
    fs.symlinkSync("../a.bak", path.join(root, "dir", "link.txt"))
    assert.deepStrictEqual(await listed(made), ["Private.txt", "a.txt", "dir", "dir/b.txt"])
    for (const target of [
      "a.bak",
      "%61.bak",
      "a%2ebak",
      "a.bak?download",
      "private",
      "private/",
      "%70rivate/key.txt",
      "private/key.txt",
      "private/deep/",
      "private/deep/x.txt",
      "private/absent",
      "dir/old.bak",
      "alias",
      "alias/",
      "alias/key.txt",
      "soft.txt",
      "dir/link.txt",
    ]) {
      for (const prefix of ["/files/", "/api/v1/dir/"]) {
        const answer = await get(prefix + target)
        assert.strictEqual(answer.status, 404, target)
        assert.notInclude(answer.text, "SECRET")
      }
    }
    for (const query of ["key", "bak", "private", "x.txt", "e"]) {
      for (const form of ["json", "plain", "html"]) {
        const answer = await get(`/files/?q=${query}&${form}`)
        assert.notMatch(answer.text, /\.bak|private\/|key\.txt/, `${query} as ${form}`)
      }
    }
    assert.deepStrictEqual(await untilClosed(base), [])
  })

  it("get the same answer as files that do not exist, byte for byte", async () => {
    const { get } = await site()
    const [hidden, absent] = await Promise.all(
      ["private", "absent"].map(async (folder) => {
        const { headers, status, text } = await get(`/files/${folder}/key.txt`)
        // Each response has a request id of its own.
        const rest = headers.filter(([name]) => name !== "X-Request-Id")
        assert.strictEqual(rest.length, headers.length - 1)
        return { headers: rest, status, text }
      }),
    )
    assert.deepStrictEqual(hidden, absent)
  })

  it.effect.prop(
    "are listed exactly if they are served, whatever the pattern",
    [
      Schema.Array(
        Schema.Literals(["*", "**", "/", "a", ".bak", "dir", "private", "?", "b.txt", "{a,b}"]),
      ).check(Schema.isMinLength(1), Schema.isMaxLength(5)),
    ],
    ([pieces]) =>
      Effect.promise(async () => {
        const made = await servedFolder(files, { hidden: [pieces.join("")] })
        const shown = new Set(await listed(made))
        for (const file of [...Object.keys(files), "dir", "private", "private/deep"]) {
          const status = await statusOf(made, file)
          assert.strictEqual(status !== 404, shown.has(file), `${pieces.join("")} ${file}`)
        }
        fs.rmSync(made.base, { recursive: true })
      }),
    { arbitrary: { runs: 60 } },
  )
})

it("hidden names in either canonical form are neither listed, served, found nor archived", async () => {
  const files = Object.fromEntries(
    ["NFC", "NFD"].map((form) => [`${"Priv\u00e9".normalize(form)}-${form}.txt`, "SECRET"]),
  )
  const served = await servedFolder({ ...files, "open.txt": "open" }, { hidden: ["Priv\u00e9*"] })
  assert.deepStrictEqual(await listed(served), ["open.txt"])
  for (const name of Object.keys(files)) {
    assert.strictEqual(await statusOf(served, encodeURIComponent(name)), 404)
  }
  assert.notInclude((await served.get("/files/?archive=tar")).text, "SECRET")
  assert.notInclude((await served.get("/files/?plain&q=priv")).text, "Priv")
})

describe("names with a leading dot", () => {
  const files = { ".env": "SECRET", ".git/config": "SECRET", "a.txt": "public" }

  it("are neither listed nor served nor found by default", async () => {
    const made = await servedFolder(files)
    assert.deepStrictEqual(await listed(made), ["a.txt"])
    for (const target of [".env", "%2eenv", ".git", ".git/", ".git/config"]) {
      assert.strictEqual(await statusOf(made, target), 404, target)
    }
    assert.notInclude((await made.get("/files/?q=config&json")).text, "git")
  })

  it("are all of that with `dotfiles`, but never the parent", async () => {
    const made = await servedFolder(files, { dotfiles: true })
    assert.deepStrictEqual(await listed(made), [".env", ".git", ".git/config", "a.txt"])
    assert.strictEqual((await made.get("/files/.env")).text, "SECRET")
    assert.strictEqual((await made.get("/files/.git/config")).text, "SECRET")
    for (const target of ["..", "../x", "./..", "%2e%2e/x", ".git/..", ".git/../a.txt"]) {
      assert.include([400, 404], await statusOf(made, target), target)
    }
  })

  it("stay hidden by a pattern with `dotfiles`", async () => {
    const made = await servedFolder(files, { dotfiles: true, hidden: [".git", ".e*"] })
    assert.deepStrictEqual(await listed(made), ["a.txt"])
    assert.strictEqual(await statusOf(made, ".git/config"), 404)
  })
})

describe("symbolic links", () => {
  const linked = async (symlinks: "inside" | "never" | "follow") => {
    const made = await servedFolder({ "a.txt": "inside", "dir/b.txt": "inside" }, { symlinks })
    const { base, root } = made
    fs.mkdirSync(path.join(base, "outside"))
    fs.writeFileSync(path.join(base, "outside", "out.txt"), "outside")
    fs.symlinkSync("a.txt", path.join(root, "file"))
    fs.symlinkSync("dir", path.join(root, "folder"))
    fs.symlinkSync("../outside/out.txt", path.join(root, "out-file"))
    fs.symlinkSync(path.join(base, "outside"), path.join(root, "out-folder"))
    fs.symlinkSync("nowhere", path.join(root, "dangling"))
    fs.symlinkSync("loop", path.join(root, "loop"))
    const statuses = Object.fromEntries(
      await Promise.all(
        [
          "a.txt",
          "dir/b.txt",
          "file",
          "folder/",
          "folder/b.txt",
          "out-file",
          "out-folder/",
          "out-folder/out.txt",
          "dangling",
          "loop",
        ].map(async (target) => [target, await statusOf(made, target)] as const),
      ),
    )
    const { entries } = JSON.parse((await made.get("/files/?json")).text) as Listed
    return { ...made, statuses, names: entries.map(({ name }) => name) }
  }

  it("are followed as long as they stay inside, by default", async () => {
    const { names, statuses } = await linked("inside")
    assert.deepStrictEqual(names, ["dir", "folder", "a.txt", "file"])
    assert.deepStrictEqual(statuses, {
      "a.txt": 200,
      "dir/b.txt": 200,
      file: 200,
      "folder/": 200,
      "folder/b.txt": 200,
      "out-file": 404,
      "out-folder/": 404,
      "out-folder/out.txt": 404,
      dangling: 404,
      loop: 404,
    })
  })

  it("are not there with `never`, neither as the last part nor as a folder above", async () => {
    const { names, statuses } = await linked("never")
    assert.deepStrictEqual(names, ["dir", "a.txt"])
    for (const [target, status] of Object.entries(statuses)) {
      assert.strictEqual(status, ["a.txt", "dir/b.txt"].includes(target) ? 200 : 404, target)
    }
  })

  it("are all followed with `follow`, except into nothing and round in circles", async () => {
    const { names, statuses, get } = await linked("follow")
    assert.deepStrictEqual(names, ["dir", "folder", "out-folder", "a.txt", "file", "out-file"])
    for (const [target, status] of Object.entries(statuses)) {
      assert.strictEqual(status, ["dangling", "loop"].includes(target) ? 404 : 200, target)
    }
    assert.strictEqual((await get("/files/out-folder/out.txt")).text, "outside")
  })

  it("hide nothing from patterns and from the list of hidden files, even with `follow`", async () => {
    const made = await servedFolder({ "a.txt": "x" }, { symlinks: "follow", hidden: ["secret*"] })
    const { base, root } = made
    fs.writeFileSync(path.join(root, "secret.txt"), "SECRET")
    fs.symlinkSync("secret.txt", path.join(root, "plain.txt"))
    fs.symlinkSync(base, path.join(root, "up"))
    assert.strictEqual(await statusOf(made, "plain.txt"), 404)
    assert.strictEqual(await statusOf(made, "up/root/secret.txt"), 404)
    assert.strictEqual(await statusOf(made, "up/root/a.txt"), 200)
  })
})

describe("files that a browser would run", () => {
  const files = { "a.html": "<p>", "a.svg": "<svg/>", "a.xml": "<x/>", "a.pdf": "%PDF-" }

  it("are sent in a sandbox, except PDFs, which no browser shows in one", async () => {
    const { get } = await servedFolder(files)
    for (const name of Object.keys(files)) {
      const answer = await get(`/files/${name}`)
      const policy = answer.header("content-security-policy")
      assert.strictEqual(policy, name === "a.pdf" ? undefined : "sandbox", name)
      assert.strictEqual(answer.header("x-content-type-options"), "nosniff")
      assert.isUndefined(answer.header("content-disposition"), "it is shown, not saved")
    }
  })

  it("are sent without a sandbox if they are trusted", async () => {
    const { get } = await servedFolder(files, { trustedContent: true })
    for (const name of Object.keys(files)) {
      const answer = await get(`/files/${name}`)
      assert.isUndefined(answer.header("content-security-policy"), name)
      assert.strictEqual(answer.header("x-content-type-options"), "nosniff")
    }
  })
})
