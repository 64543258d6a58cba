/**
 * Two processes that serve different things under one name.
 */
import { assert, it } from "@effect/vitest"
import type { Service, Status } from "../../../src/cli/control/StatusReport.ts"
import * as SameName from "../../../src/cli/serve/SameName.ts"

const attic: Service = {
  name: "attic",
  relay: "https://relay.example.com",
  serves: ["Files /home/me/Pictures (read only)"],
  state: "connected",
  links: 2,
  requests: 0,
}

const status = (...services: ReadonlyArray<Service>): Status => ({
  kind: "server",
  pid: 4711,
  version: "1",
  since: 0,
  args: [],
  folder: "/",
  services,
})

const app: Service = { ...attic, serves: ["To http://localhost:3000"] }

it("are told of each other", () => {
  assert.deepStrictEqual(SameName.warningsFor([app], [status(attic)]), [
    "process 4711 serves attic, too (Files /home/me/Pictures (read only)): visitors get one or the other in turn. End it, or choose another name with --name.",
  ])
})

it.each<[string, ReadonlyArray<Status>]>([
  ["the same is served", [status(app)]],
  ["another name is served", [status({ ...attic, name: "cellar" })]],
  ["another relay is used", [status({ ...attic, relay: "https://other.example.com" })]],
  ["a process serves no names", [{ ...status(), kind: "relay" }]],
  ["no process runs", []],
])("are not told when %s", (_, others) => {
  assert.deepStrictEqual(SameName.warningsFor([app], others), [])
})
