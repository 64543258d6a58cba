/**
 * Runs what a container image holds, by `chroot`, as the image's user: there is
 * no daemon here that could start it.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { demand, get, listening, said } from "./TryOut.ts"

interface Descriptor {
  readonly digest: string
}

interface Config {
  readonly config: {
    readonly User: string
    readonly Env: ReadonlyArray<string>
    readonly WorkingDir: string
    readonly Entrypoint: ReadonlyArray<string>
    readonly Cmd: ReadonlyArray<string>
    readonly Healthcheck: { readonly Test: ReadonlyArray<string> }
  }
}

/** Unpacks the image's layers, as a container's file system, and gives its configuration. */
const unpack = (image: string, folder: string): Config["config"] => {
  const layout = join(folder, "layout")
  const root = join(folder, "root")
  for (const path of [layout, root]) mkdirSync(path)
  execFileSync("tar", ["-xf", image, "-C", layout])
  const blob = ({ digest }: Descriptor): string =>
    join(layout, "blobs", digest.replace("sha256:", "sha256/"))
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8"))
  const [manifest] = read(join(layout, "index.json")).manifests as ReadonlyArray<Descriptor>
  if (manifest === undefined) throw new Error("the image has no manifest")
  const { config, layers } = read(blob(manifest)) as {
    readonly config: Descriptor
    readonly layers: ReadonlyArray<Descriptor>
  }
  for (const layer of layers) execFileSync("tar", ["-xzpf", blob(layer), "-C", root])
  return (read(blob(config)) as Config).config
}

/** Fails with the first thing that does not work. */
export const tryImage = async (image: string): Promise<undefined> => {
  const folder = mkdtempSync(join(tmpdir(), "ptth-image-"))
  let relay: ChildProcess | undefined
  try {
    const { Cmd, Entrypoint, Env, Healthcheck, User, WorkingDir } = unpack(image, folder)
    demand(/^[1-9]\d*:[1-9]\d*$/.test(User), `the image's user is ${User}`)
    const root = join(folder, "root")
    // Any free port instead of the image's: others may use that one here.
    writeFileSync(join(root, WorkingDir, "ptth_relay.toml"), "admin_listen = false\n")
    const env = {
      ...Object.fromEntries(Env.map((pair) => pair.split("=", 2))),
      PTTH_RELAY_LISTEN: "127.0.0.1:0",
    }
    const enter = (args: ReadonlyArray<string>): readonly [string, Array<string>] => [
      "/usr/sbin/chroot",
      [`--userspec=${User}`, root, ...args],
    ]
    relay = spawn(
      ...enter([...Entrypoint, ...Cmd, "--config-path", `${WorkingDir}/ptth_relay.toml`]),
      {
        env,
        stdio: ["ignore", "pipe", "pipe"],
      },
    )
    const url = await said(relay, listening, "the relay")
    demand((await get(`${url}/healthz`)) !== "", "the relay is not healthy")
    execFileSync(...enter([...Healthcheck.Test.slice(1), `${url}/healthz`]), { env })
    relay.kill("SIGTERM")
    await once(relay, "exit")
  } finally {
    relay?.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
}
