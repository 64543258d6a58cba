/**
 * The rooms of `src/` and the order in which they may import each other. The
 * order of the layers themselves is in `Architecture.test.ts`.
 */
import { readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = path.resolve(import.meta.dirname, "..")

/**
 * For each layer its rooms from left to right, one step after the other. A
 * file may import from its own room and from rooms of earlier steps. Rooms of
 * one step do not import each other. `.` is the layer's own folder.
 */
const steps: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>> = {
  domain: [["."], ["text"], ["visitor"], ["config"]],
  protocol: [["address"], ["http"], ["."], ["link", "peer"]],
  web: [["failure", "script", "style"], ["."]],
  transport: [
    ["runtime"],
    ["body"],
    ["observe", "net", "app", "auth"],
    ["tls", "client"],
    ["front", "mux", "acme"],
    ["h2"],
  ],
  cluster: [["."], ["engine"], ["peers", "membership"]],
  relay: [
    ["settings"],
    ["traffic"],
    ["audit", "inspect"],
    ["registry", "dispatch", "certificates"],
    ["links", "peers", "status", "signin"],
    ["visitors", "history"],
    ["failures", "passthrough", "admin/core"],
    ["admin/frame"],
    ["admin/pages", "admin/requests"],
    ["admin"],
    ["."],
  ],
  server: [["uplink", "upstream", "passthrough"], ["classic", "stream"], ["."]],
  fileserver: [
    ["names"],
    ["types", "root"],
    ["http"],
    ["send", "archive", "listing", "render", "uploads", "parts"],
    ["change", "access", "thumbs", "views"],
    ["tus", "dav", "manage"],
    ["pages"],
    ["shares"],
    ["."],
  ],
  cli: [
    ["text"],
    ["shared"],
    ["access", "control", "load", "terminal"],
    ["passthrough"],
    ["serve"],
    ["run"],
    ["share", "workers"],
    ["commands"],
    ["."],
  ],
}

/** How many files a room may have before it is two. */
const mostFiles = 15

/** Test folders whose tests are about no single room. */
const acrossRooms = ["browser", "deploy", "examples", "fixtures", "hostile", "http", "support"]

const filesBelow = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => file.endsWith(ending) && file.includes("/"))

const roomOf = (file: string): { readonly layer: string; readonly room: string } => {
  const [layer = "", ...rest] = path.posix.dirname(file).split("/")
  return { layer, room: rest.join("/") || "." }
}

const stepOf = (layer: string, room: string): number =>
  steps[layer]?.findIndex((rooms) => rooms.includes(room)) ?? -1

/** Why a file must not import another of its layer; `undefined` if it may. */
const complaint = (file: string, target: string): string | undefined => {
  const [from, to] = [roomOf(file), roomOf(target)]
  if (from.layer !== to.layer || from.room === to.room) return undefined
  return stepOf(to.layer, to.room) < stepOf(from.layer, from.room)
    ? undefined
    : `${file} must not import ${target}`
}

const sources = filesBelow("src", ".ts")

const targetsOf = (file: string): ReadonlyArray<string> => {
  const code = readFileSync(path.join(root, "src", file), "utf8").replaceAll(/\/\*.*?\*\//gs, "")
  return [
    ...code.matchAll(/(?:(?<![.\w])from\s+|^import\s+|\bimport\(\s*)["'](\.[^"'\n]+)["']/gm),
  ].map(([, specifier]) => path.posix.join(path.posix.dirname(file), specifier as string))
}

describe("the rooms", () => {
  it("are those of the table, each with some files and not too many", () => {
    const rooms = Map.groupBy(sources, (file) => path.posix.dirname(file))
    const expected = Object.entries(steps).flatMap(([layer, all]) =>
      all.flat().map((room) => (room === "." ? layer : `${layer}/${room}`)),
    )
    assert.sameMembers([...rooms.keys()], expected)
    const full = [...rooms].filter(([, files]) => files.length > mostFiles)
    assert.deepStrictEqual(full, [])
  })

  it("are in the same order in ARCHITECTURE.md", () => {
    const text = readFileSync(path.join(root, "ARCHITECTURE.md"), "utf8")
    const documented = [...text.matchAll(/^\| `src\/(\w+)\/` \|[^|]*\| ([^|]*) \|/gm)]
    const nameOf = (layer: string, room: string): string => (room === "." ? layer : room)
    const orderOf = (layer: string, all: ReadonlyArray<ReadonlyArray<string>>): string =>
      all
        .map((rooms) => rooms.map((room) => nameOf(layer, room)).join(", "))
        .map((step) => (step.includes(", ") ? `{${step}}` : step))
        .join(" < ")
    assert.sameDeepMembers(
      documented.map(([, layer, order]) => [layer, order]),
      Object.entries(steps).map(([layer, all]) => [layer, orderOf(layer, all)]),
    )
  })

  it("import each other in one direction", () => {
    const found = sources.flatMap((file) =>
      targetsOf(file).flatMap((target) => complaint(file, target) ?? []),
    )
    assert.deepStrictEqual(found, [])
  })

  it("would be told of an import against the order", () => {
    assert.isDefined(complaint("relay/dispatch/A.ts", "relay/links/B.ts"))
    assert.isDefined(complaint("relay/links/A.ts", "relay/status/B.ts"))
    assert.isDefined(complaint("relay/dispatch/A.ts", "relay/B.ts"))
    assert.isUndefined(complaint("relay/links/A.ts", "relay/dispatch/B.ts"))
    assert.isUndefined(complaint("relay/links/A.ts", "relay/links/B.ts"))
  })

  it("have no circle of files", () => {
    const state = new Map<string, "open" | "done">()
    const circles: Array<string> = []
    const visit = (file: string, trail: ReadonlyArray<string>): void => {
      if (state.get(file) === "done") return
      if (state.get(file) === "open") {
        circles.push([...trail.slice(trail.indexOf(file)), file].join(" > "))
        return
      }
      state.set(file, "open")
      for (const target of targetsOf(file)) {
        if (sources.includes(target)) visit(target, [...trail, file])
      }
      state.set(file, "done")
    }
    for (const file of sources) visit(file, [])
    assert.deepStrictEqual(circles, [])
  })

  it("have their tests in folders of the same names", () => {
    const stray = filesBelow("test", ".ts").filter((file) => {
      const { layer, room } = roomOf(file)
      return !acrossRooms.includes(layer) && stepOf(layer, room) < 0
    })
    assert.deepStrictEqual(stray, [])
  })
})
