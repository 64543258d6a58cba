import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = path.resolve(import.meta.dirname, "..")
const read = (file: string): string => readFileSync(path.join(root, file), "utf8")

const filesBelow = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file.replaceAll(path.sep, "/")}`)

const sources = filesBelow("src", ".ts")

/** Everything that a file imports, statically, dynamically or only for types. */
const importsOf = (file: string): ReadonlyArray<string> => {
  const code = read(file).replaceAll(/\/\*.*?\*\//gs, "")
  return [
    ...code.matchAll(/(?:(?<![.\w])from\s+|^import\s+|\bimport\(\s*)["']([^"'\n]+)["']/gm),
  ].map(([, specifier]) => specifier as string)
}

/** `relay` of `src/relay/Relay.ts`; of a file directly in `src`, its own name. */
const layerOf = (file: string): string => file.split("/")[1] as string

/** What each layer may import from, besides itself. */
const allowed: Readonly<Record<string, ReadonlyArray<string>>> = {
  domain: [],
  protocol: ["domain"],
  transport: ["domain", "protocol"],
  web: ["domain"],
  cluster: ["domain", "protocol", "transport"],
  relay: ["domain", "protocol", "transport", "web", "cluster"],
  server: ["domain", "protocol", "transport", "web"],
  fileserver: ["domain", "protocol", "transport", "web"],
  cli: ["domain", "protocol", "transport", "web", "cluster", "relay", "server", "fileserver"],
  "bin.ts": ["domain", "cli"],
}

/** What is wrong, one line for each import that `complaint` finds fault with. */
const faults = (
  files: ReadonlyArray<string>,
  complaint: (file: string, specifier: string) => string | undefined,
): ReadonlyArray<string> =>
  files.flatMap((file) =>
    importsOf(file).flatMap((specifier) => {
      const fault = complaint(file, specifier)
      return fault === undefined ? [] : [`${file}: ${fault}`]
    }),
  )

describe("the source", () => {
  it("has the layers that the architecture knows, and imports are found in each", () => {
    assert.sameMembers([...new Set(sources.map(layerOf))], Object.keys(allowed))
    for (const layer of Object.keys(allowed)) {
      const files = sources.filter((file) => layerOf(file) === layer)
      assert.isNotEmpty(files.flatMap(importsOf), layer)
    }
  })

  it("imports one way: from its own layer and those below it", () => {
    const found = faults(sources, (file, specifier) => {
      if (!specifier.startsWith(".")) return undefined
      const target = path.posix.join(path.posix.dirname(file), specifier)
      if (!existsSync(path.join(root, target))) return `${specifier} does not exist`
      const [own, other] = [layerOf(file), layerOf(target)]
      if (!target.startsWith("src/")) return `${target} is outside of src`
      return own === other || allowed[own]?.includes(other)
        ? undefined
        : `${own} must not import ${target}`
    })
    assert.deepStrictEqual(found, [])
  })

  it("does no input or output in domain and protocol", () => {
    const pure = sources.filter((file) => ["domain", "protocol"].includes(layerOf(file)))
    const found = faults(pure, (_file, specifier) =>
      (specifier.startsWith("node:") && specifier !== "node:crypto") ||
      specifier.startsWith("@effect/platform")
        ? specifier
        : undefined,
    )
    assert.deepStrictEqual(found, [])
  })

  it("imports Node's modules by their scheme, Effect's one by one, and only what ARCHITECTURE.md lists", () => {
    // The other packages of package.json are for development.
    const [table = ""] =
      read("ARCHITECTURE.md").split("## Dependencies")[1]?.split("\n\nWhat is") ?? []
    const packages = [...table.matchAll(/(?<=^\|.*)`([^` ]+)`(?=.* \|.*\|$)/gm)].map(
      ([, name]) => name as string,
    )
    const found = faults(sources, (_file, specifier) => {
      if (/^(?:\.|node:)/.test(specifier)) return undefined
      const name = packages.find((known) => `${specifier}/`.startsWith(`${known}/`))
      if (name === undefined) return `${specifier} is not in the table of dependencies`
      const whole = specifier === name && /effect/.test(name)
      return whole ? `${specifier} is imported as a whole` : undefined
    })
    assert.deepStrictEqual(found, [])
  })

  it("says at the top of every file what the file is for", () => {
    const found = sources.filter((file) => {
      const text = read(file).replace(/^#!.*\n/, "")
      return (/^\/\*\*\n(?: \*(?: .*)?\n)+ \*\/\n/.exec(text)?.[0].length ?? 0) < 40
    })
    assert.deepStrictEqual(found, [])
  })
})

const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  ...filesBelow("docs", ".md"),
]

/** Paths in backticks that begin with a folder of the project. */
const mentioned = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/`((?:src|test|bench|docs|examples|scripts|deploy|\.ci)\/[\w./-]*)`/g)].map(
    ([, file]) => file as string,
  )

const headingsOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading as string)

/** The name by which GitHub links to a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")

/** Links and pictures that are not on another site. */
const linksOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/\]\(([^)\s]+)\)|\bsrc="([^"]+)"/g)]
    .map(([, link, source]) => link ?? source ?? "")
    .filter((link) => !/^[a-z]+:/.test(link))

describe("the documentation", () => {
  it("mentions only files that exist", () => {
    const found = documents.flatMap((document) =>
      mentioned(read(document))
        .filter((file) => !existsSync(path.join(root, file)))
        .map((file) => `${document}: ${file}`),
    )
    assert.deepStrictEqual(found, [])
  })

  it("links only to files and headings that exist", () => {
    const found = documents.flatMap((document) =>
      linksOf(read(document)).flatMap((link) => {
        const [file = "", anchor] = link.split("#")
        const target = file === "" ? document : path.join(path.dirname(document), file)
        const exists =
          existsSync(path.join(root, target)) &&
          (anchor === undefined || headingsOf(read(target)).map(anchorOf).includes(anchor))
        return exists ? [] : [`${document}: ${link}`]
      }),
    )
    assert.deepStrictEqual(found, [])
  })

  it("docs/README.md leads to every page", () => {
    const links = linksOf(read("docs/README.md")).map((link) => path.posix.join("docs", link))
    const pages = documents.filter((page) => page.startsWith("docs/") && page !== "docs/README.md")
    assert.includeMembers(links, pages)
  })

  it("docs/operating.md has every kind of event, every metric and every field of the access log", () => {
    const text = read("docs/operating.md")
    const isComplete = (source: string, names: RegExp): void => {
      const all = [...source.matchAll(names)].map(([, name]) => name as string)
      assert.isNotEmpty(all, source)
      assert.deepStrictEqual(
        all.filter((name) => !text.includes(`\`${name}\``)),
        [],
      )
    }
    const [, fields = ""] = read("src/transport/observe/AccessLog.ts").split("  json({\n")
    const relay = sources.filter((file) => file.startsWith("src/relay/")).map(read)
    isComplete(read("src/relay/audit/AuditEvent.ts"), /(?<=_tag: .*)"(\w+)"/g)
    isComplete(fields.split("})")[0] ?? "", /^ {4}(\w+)/gm)
    isComplete(relay.join(""), /"(ptth_relay_\w+)"/g)
  })

  it("ARCHITECTURE.md mentions every layer", () => {
    const folders = readdirSync(path.join(root, "src")).filter((name) =>
      statSync(path.join(root, "src", name)).isDirectory(),
    )
    const text = read("ARCHITECTURE.md")
    for (const folder of folders) assert.include(text, `\`src/${folder}/\``)
  })

  it("ARCHITECTURE.md gives a reason for every dependency", () => {
    const manifest: Record<string, Record<string, string>> = JSON.parse(read("package.json"))
    const text = read("ARCHITECTURE.md")
    for (const list of [
      "dependencies",
      "optionalDependencies",
      "peerDependencies",
      "devDependencies",
    ]) {
      for (const name of Object.keys(manifest[list] ?? {})) assert.include(text, `\`${name}\``)
    }
  })

  it("docs/protocol.md has every section that a comment in the source refers to", () => {
    const headings = headingsOf(read("docs/protocol.md")).map((heading) => heading.toLowerCase())
    for (const file of sources) {
      const text = read(file).replaceAll(/\n \*\s/g, " ")
      for (const [, sections = ""] of text.matchAll(/\(protocol\.md, ([A-Za-z][\w ,-]*)/g)) {
        for (const section of sections.split(/ and |, /)) {
          assert.include(headings, section.toLowerCase(), file)
        }
      }
    }
  })
})
