/**
 * Builds the command once before the tests that start it, unless `dist/` was
 * built from the same sources.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("../../scripts/build.ts", import.meta.url))

export default (): void => {
  execFileSync(process.execPath, [script, "--if-stale"], { stdio: "inherit" })
}
