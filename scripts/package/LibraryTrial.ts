/**
 * Uses the library's entries as an app does: with their types, by the two ways in
 * which TypeScript finds them, and bundled, when only what the app names remains.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { type OutputChunk, rolldown } from "rolldown"
import { demand } from "./TryOut.ts"

const entries = ["server", "relay", "fileserver", "protocol"]

/** An app that takes something of each entry. */
const app = `import { Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { FileServer } from "ptth/fileserver"
import { Tripcode } from "ptth/protocol"
import { RelayConfig } from "ptth/relay"
import { TunnelHttpServer } from "ptth/server"

const Routes = HttpRouter.add("GET", "/hello", HttpServerResponse.text("hello"))
export const App = HttpRouter.serve(Routes).pipe(
  Layer.provide(
    TunnelHttpServer.layer({ name: "demo", apiKey: Redacted.make("key"), relayUrl: "https://relay.example.com" }),
  ),
)
export const program: Effect.Effect<number> = Effect.succeed(1)
// @ts-expect-error the name has to be a text
export const wrong = TunnelHttpServer.layer({ name: 1, apiKey: Redacted.make("key"), relayUrl: "" })
export const all = [FileServer, Tripcode, RelayConfig]
`

/** How TypeScript finds modules, with the form of module that goes with it. */
const resolutions = { bundler: "esnext", node16: "node16" }

const optionsOf = (moduleResolution: string, module: string) => ({
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: "es2023",
    lib: ["es2023", "dom", "dom.iterable", "esnext.disposable"],
    types: ["node"],
    module,
    moduleResolution,
  },
  files: ["app.ts"],
})

/** Puts this project's packages beside the one that is installed in a folder. */
const linkPackages = (folder: string): void => {
  for (const path of readdirSync("node_modules")) {
    if (path.startsWith(".")) continue
    const target = join(folder, "node_modules", path)
    mkdirSync(dirname(target), { recursive: true })
    if (!existsSync(target)) symlinkSync(resolve("node_modules", path), target)
  }
}

/** The code that is left of a module of an app, without Effect and packages with native code. */
const bundled = async (folder: string, text: string): Promise<OutputChunk> => {
  const input = join(folder, "entry.js")
  writeFileSync(input, text)
  const build = await rolldown({
    input,
    platform: "node",
    external: /^(?:effect|@effect\/.*|sharp|redis)(?:\/|$)/,
    logLevel: "silent",
  })
  const { output } = await build.generate({ format: "esm", codeSplitting: false })
  return output[0]
}

/** Fails with the first thing that does not work; the package is installed in `folder`. */
export const tryLibrary = async (folder: string): Promise<undefined> => {
  linkPackages(folder)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(folder, "app.ts"), app)
  for (const [resolution, module] of Object.entries(resolutions)) {
    const config = join(folder, `tsconfig.${resolution}.json`)
    writeFileSync(config, JSON.stringify(optionsOf(resolution, module)))
    execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", config], {
      stdio: "inherit",
    })
  }
  execFileSync(process.execPath, ["app.ts"], { cwd: folder, stdio: "inherit" })
  for (const entry of entries) {
    const { code } = await bundled(folder, `import "ptth/${entry}"\n`)
    demand(code.length < 100, `ptth/${entry} does something when it is imported`)
  }
  const one = `export { FileServer } from "ptth/fileserver"\n`
  const { code, moduleIds } = await bundled(folder, one)
  demand(
    !moduleIds.some((id) => id.endsWith("/library/relay.js")) && !/\bRendezvous\b/.test(code),
    "the file server in a bundle brings the relay",
  )
}
