/**
 * Installs, starts, reloads, upgrades and purges the Debian package on this
 * machine, which has to be one that is thrown away. Where no systemd runs, the
 * command of the unit is started as its user, as systemd would.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { demand, listening, said } from "./TryOut.ts"

const sh = (command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, [...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  })

const relayConfig = "/etc/ptth/ptth_relay.toml"
const serverConfig = "/etc/ptth/ptth_server.toml"
/** Where a relay under systemd keeps its certificates with their keys. */
const certificates = "/var/lib/ptth/acme"

/** The same package as a later version. */
const later = (file: string, folder: string): string => {
  const tree = join(folder, "later")
  sh("dpkg-deb", "--raw-extract", file, tree)
  sh("sed", "-i", "s/^Version: .*/&+later/", join(tree, "DEBIAN/control"))
  const output = join(folder, "later.deb")
  sh("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, output)
  return output
}

const installedVersion = (): string =>
  sh("dpkg-query", "--show", "ptth").split("\t")[1]?.trim() ?? ""

/** Starts what the unit starts, and waits until it listens. */
const startUnit = async (): Promise<{ readonly child: ChildProcess; readonly url: string }> => {
  const unit = readFileSync("/lib/systemd/system/ptth-relay.service", "utf8")
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit) ?? []
  const user = ["--reuid=ptth", "--regid=ptth", "--clear-groups", "--no-new-privs"]
  const child = spawn("setpriv", [...user, ...command.split(" ")], {
    cwd: "/etc/ptth",
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  })
  return { child, url: await said(child, listening, "the relay") }
}

const stop = async (child: ChildProcess): Promise<void> => {
  child.kill("SIGTERM")
  await once(child, "exit")
}

const waitFor = async (condition: () => Promise<boolean>, what: string): Promise<void> => {
  const end = Date.now() + 20_000
  while (!(await condition())) {
    demand(Date.now() < end, what)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`).then(
    ({ status }) => status === 200,
    () => false,
  )

/** Whether the relay knows a server by this name. */
const lists = (url: string, text: string): Promise<boolean> =>
  fetch(`${url}/frontend/servers/`, { headers: { accept: "text/html" } })
    .then((response) => response.text())
    .then((page) => page.includes(text))

const installed = (version: string): void => {
  demand(sh("ptth", "--version") === `ptth ${version}\n`, "ptth --version")
  demand(sh("ptth_relay", "--help").includes("--public-url"), "ptth_relay --help")
  demand(sh("id", "ptth").startsWith("uid="), "there is no user ptth")
  demand((statSync(serverConfig).mode & 0o777) === 0o600, "others can read the server's file")
  // A container may leave out documentation.
  for (const path of [
    "/usr/share/bash-completion/completions/ptth",
    "/usr/share/man/man1/ptth.1.gz",
    "/lib/systemd/system/ptth-server.service",
  ])
    demand(existsSync(path) || path.includes("/man/"), `${path} is missing`)
}

/** Fails with the first thing that does not work. Nothing of the package is left afterwards. */
export const tryDeb = async (file: string, version: string): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "ptth-deb-"))
  try {
    sh("dpkg", "--install", file)
    installed(version)
    mkdirSync(certificates, { recursive: true })
    const before = await startUnit()
    await waitFor(() => answers(before.url), "the relay does not answer")
    appendFileSync(
      relayConfig,
      '\n[[servers]]\nname = "shed"\ndisplay_name = "The shed"\ntripcode = "LEYxkRNoNdLycao+Q8we/Ik6ShNNys6YXNVPFRxhR8w="\n',
    )
    before.child.kill("SIGHUP")
    await waitFor(() => lists(before.url, "The shed"), "the relay did not reload")
    sh("dpkg", "--install", "--force-confdef", "--force-confold", later(file, folder))
    demand(installedVersion() === `${version}+later`, "it was not upgraded")
    demand(await answers(before.url), "the upgrade ended a relay that ran")
    demand(readFileSync(relayConfig, "utf8").includes("shed"), "the upgrade lost the configuration")
    await stop(before.child)
    const after = await startUnit()
    await waitFor(() => lists(after.url, "The shed"), "the upgraded relay has lost its server")
    await stop(after.child)
  } finally {
    sh("dpkg", "--purge", "ptth")
    rmSync(folder, { recursive: true, force: true })
  }
  for (const path of ["/usr/bin/ptth", "/etc/ptth", "/var/log/ptth", certificates])
    demand(!existsSync(path), `${path} is left after the purge`)
}

/** Why the package cannot be tried here; `undefined` if it can. */
export const reasonNot = (): string | undefined => {
  if (process.env.CI !== "true") return "it changes the machine, which only CI=true allows"
  if (process.getuid?.() !== 0) return "only root can install it"
  return ["dpkg", "setpriv"].find((name) => !existsSync(`/usr/bin/${name}`)) && "no dpkg or setpriv"
}
