/**
 * The version of this package, from package.json.
 */
import { readFileSync } from "node:fs"

const manifest: unknown = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
)

/** The version, such as `0.1.0`. */
export const version: string =
  typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "0.0.0"
