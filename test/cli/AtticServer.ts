/**
 * `ptth server` for the name *attic*, in front of an application, for the tests of
 * a relay.
 */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { start } from "./Command.ts"

/** The server's key. */
export const key = "PlaypenCausalPlatformCommodeImproveCatalyze"

/** The tripcode of {@link key}. */
export const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="

/** What the application answers. */
export const text = "from the attic"

/** A server that runs. */
export interface AtticServer {
  /** The number of POSTs that its application got. */
  readonly posts: { count: number }
  readonly stop: () => Promise<void>
}

/** Starts both, in a folder of the test; ready when the server has said where it is reached. */
export const startAttic = async (cwd: string, relayUrl: string): Promise<AtticServer> => {
  const posts = { count: 0 }
  const application = createServer((request, response) => {
    if (request.method === "POST") posts.count += 1
    request.resume().on("end", () => response.end(text))
  }).listen(0, "127.0.0.1")
  await once(application, "listening")
  const { port } = application.address() as AddressInfo
  writeFileSync(
    join(cwd, "ptth_server.toml"),
    `name = "attic"\napi_key = "${key}"\nrelay_url = "${relayUrl}"\nto = ${port}\n`,
    { mode: 0o600 },
  )
  const server = start(["server"], { cwd })
  await server.said(/Open/)
  return {
    posts,
    stop: async () => {
      server.child.kill("SIGTERM")
      await server.ended
      application.close()
      application.closeAllConnections()
    },
  }
}
