/**
 * Upgrades a relay and a server from an earlier package as an operator does:
 * the new relay goes on with the configuration, the approved servers and the
 * audit log of the old one, and the old server with the new relay.
 */
import { readFileSync } from "node:fs"
import { demand, get, keyOf, listening, type Program, serverToml, Trial } from "./TryOut.ts"

const relayToml = (port: number, tripcode: string): string =>
  [
    `listen = "127.0.0.1:${port}"`,
    'admin_listen = "127.0.0.1:0"',
    'audit_log = "audit.log"',
    "[[servers]]",
    'name = "attic"',
    `tripcode = "${tripcode}"`,
    "",
  ].join("\n")

/** Fails with the first thing that does not work. */
export const tryUpgrade = async (from: Program, to: Program): Promise<undefined> => {
  const trial = new Trial(from)
  try {
    const [key, tripcode] = await keyOf(trial)
    const [shedKey, shedTripcode] = await keyOf(trial)
    trial.folderFor("files")
    trial.write("files/note.txt", "a note\n")
    trial.write("ptth_relay.toml", relayToml(0, tripcode))
    const [first, url] = await trial.start(["relay"], listening)
    await trial.run(["relay", "approve", "shed", shedTripcode])
    trial.write("ptth_server.toml", serverToml("attic", key, url), 0o600)
    trial.write("shed.toml", serverToml("shed", shedKey, url), 0o600)
    const [attic] = await trial.start(["server"], /(connected)/)
    const note = (name: string): Promise<string> => get(`${url}/servers/${name}/files/note.txt`)
    demand((await note("attic")) === "a note\n", "the old versions do not work")
    const audit = readFileSync(trial.path("audit.log"), "utf8")
    demand(audit !== "", "the old relay writes no audit log")
    await trial.stop(first)
    trial.write("ptth_relay.toml", relayToml(Number(new URL(url).port), tripcode))
    const [second] = await trial.start(["relay"], listening, to)
    demand((await note("attic")) === "a note\n", "the old server does not come back")
    const [shed] = await trial.start(["server", "--config-path", "shed.toml"], /(connected)/, to)
    demand((await note("shed")) === "a note\n", "a server that was approved before is not known")
    await trial.stop(shed)
    await trial.stop(attic)
    const [upgraded] = await trial.start(["server"], /(connected)/, to)
    demand((await note("attic")) === "a note\n", "the new server does not work")
    await trial.stop(upgraded)
    await trial.stop(second)
    const now = readFileSync(trial.path("audit.log"), "utf8")
    demand(now.startsWith(audit) && now.length > audit.length, "the audit log does not go on")
  } finally {
    trial.end()
  }
}
