/**
 * The examples as they are: real processes, on free ports, asked over HTTP.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { start } from "../cli/Command.ts"
import * as Harness from "../support/Harness.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const folder = path.resolve(import.meta.dirname, "../../examples")
const library = path.resolve(import.meta.dirname, "../support/LibraryFromSource.ts")

const run = (example: string, env: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      start([], { program: path.join(folder, example), env, node: ["--import", library] }),
    ),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      }),
  )

const behind = (relay: Harness.TestRelay, name: string) => ({
  RELAY_URL: relay.url,
  API_KEY: Harness.keyOf(name),
  SERVER_NAME: name,
})

/** Until a server has started a process the relay keeps visitors for this long. */
const patient = { waitForServer: "3 minutes" } as const

describe("The example", () => {
  it.live("http-api-behind-relay.ts answers through the relay", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["demo"], ...patient })
      yield* run("http-api-behind-relay.ts", behind(relay, "demo"))
      const answer = yield* Harness.get(relay, "/servers/demo/greetings/World")
      assert.deepStrictEqual([answer.status, answer.text], [200, '{"text":"Hello, World!"}'])
      assert.strictEqual((yield* Harness.get(relay, "/servers/demo/x")).status, 404)
    }).pipe(Effect.scoped),
  )

  it.live("relay-in-app.ts has its own page, is a relay, and asks its server", () =>
    Effect.gen(function* () {
      const env = { API_KEY: Harness.keyOf("demo"), LISTEN: "127.0.0.1:0" }
      const app = yield* run("relay-in-app.ts", env)
      const [, url = ""] = yield* Effect.promise(() => app.said(/(http:\/\/127\.0\.0\.1:\d+)/))
      const at = { host: "127.0.0.1", port: Number(new URL(url).port) }
      assert.strictEqual((yield* Harness.get(at, "/")).text, "the app's own page\n")
      const server = yield* run("http-api-behind-relay.ts", { ...env, RELAY_URL: url })
      yield* Effect.promise(() => server.said(/connected/))
      const direct = yield* Harness.get(at, "/servers/demo/greetings/World")
      assert.strictEqual(direct.text, '{"text":"Hello, World!"}')
      const asked = yield* Harness.get(at, "/asked")
      assert.strictEqual(asked.text, 'the server says: {"text":"Hello, app!"}\n')
      assert.strictEqual((yield* Harness.get(at, "/frontend/servers/")).status, 200)
    }).pipe(Effect.scoped),
  )

  it.live("files-with-route.ts has its route in front of the files", () =>
    Effect.gen(function* () {
      const shared = temporaryFolder()
      fs.writeFileSync(path.join(shared, "note.txt"), "a note\n")
      const relay = yield* Harness.relay({ servers: ["files"], ...patient })
      yield* run("files-with-route.ts", { ...behind(relay, "files"), FOLDER: shared })
      const visits = yield* Harness.get(relay, "/servers/files/visits")
      assert.strictEqual(visits.text, '{"visits":1}')
      const note = yield* Harness.get(relay, "/servers/files/files/note.txt")
      assert.deepStrictEqual([note.status, note.text], [200, "a note\n"])
      const part = yield* Harness.get(relay, "/servers/files/files/note.txt", [
        ["Range", "bytes=2-5"],
      ])
      assert.deepStrictEqual([part.status, part.text], [206, "note"])
    }).pipe(Effect.scoped),
  )

  it.live("plain-fetch-server.ts answers with nothing but fetch", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["plain"], ...patient })
      yield* run("plain-fetch-server.ts", behind(relay, "plain"))
      const answer = yield* Harness.get(relay, "/servers/plain/a/b?c=d")
      assert.deepStrictEqual([answer.status, answer.text], [200, "you asked for /a/b?c=d\n"])
      assert.strictEqual(answer.header("content-type"), "text/plain")
      const [one, two] = yield* Effect.all(
        [Harness.get(relay, "/servers/plain/1"), Harness.get(relay, "/servers/plain/2")],
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual([one.text, two.text], ["you asked for /1\n", "you asked for /2\n"])
    }).pipe(Effect.scoped),
  )

  it.live("fetch-handler.ts answers through the relay, and says what becomes of it", () =>
    Effect.gen(function* () {
      const relay = yield* Harness.relay({ servers: ["fetch"], ...patient })
      const app = yield* run("fetch-handler.ts", behind(relay, "fetch"))
      const answer = yield* Harness.get(relay, "/servers/fetch/a/b?c=d")
      assert.deepStrictEqual(
        [answer.status, answer.text],
        [200, '{"youAskedFor":"/a/b","by":"GET"}'],
      )
      yield* Effect.promise(() => app.said(/tripcode: \S+=.*visitors find it at http/s))
    }).pipe(Effect.scoped),
  )

  it("is what docs/library.md shows, as a whole", () => {
    const text = fs.readFileSync(path.join(folder, "../docs/library.md"), "utf8")
    const blocks = [...text.matchAll(/```ts\n(.*?)```.*?\(\.\.\/examples\/([\w-]+\.ts)\)/gs)]
    assert.lengthOf(blocks, text.split("```ts").length - 1)
    assert.isAbove(blocks.length, 3)
    for (const [, block = "", file = ""] of blocks)
      assert.isTrue(fs.readFileSync(path.join(folder, file), "utf8").endsWith(`\n${block}`), file)
  })

  it("imports packages only, so that it runs wherever it is copied", () => {
    const sources = fs.globSync("*.ts", { cwd: folder }).map((file) => path.join(folder, file))
    const imports = sources.flatMap((file) =>
      [...fs.readFileSync(file, "utf8").matchAll(/ from "(.*)"/g)].map(([, from]) => from),
    )
    assert.includeMembers(imports, ["ptth/server", "ptth/relay", "ptth/fileserver"])
    for (const from of imports) assert.match(`${from}`, /^[@a-z]/)
  })

  it("is each shorter than 60 lines", () => {
    const examples = fs.readdirSync(folder).filter((file) => file.endsWith(".ts"))
    assert.isNotEmpty(examples)
    for (const example of examples) {
      const lines = fs.readFileSync(path.join(folder, example), "utf8").split("\n").length
      assert.isBelow(lines, 60, example)
    }
  })
})
