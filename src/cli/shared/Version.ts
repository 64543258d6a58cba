/**
 * The version of this package: written into the bundle when it is built, from
 * package.json when the sources run.
 */
import { readFileSync } from "node:fs"

/** Replaced by the build, see `scripts/Bundle.ts`. */
declare const PTTH_VERSION: string | undefined

const ofManifest = (): string => {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
  )
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "0.0.0"
}

/** The version, such as `0.1.0`. */
export const version: string = typeof PTTH_VERSION === "string" ? PTTH_VERSION : ofManifest()
