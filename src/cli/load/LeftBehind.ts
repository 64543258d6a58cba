/**
 * Configurations in the folder of the package, where npm's script `ptth` looked
 * for them and wrote `servers.d` in earlier versions; now it does in the folder
 * of the person. What is still there is named, so that it is not lost.
 */
import { existsSync } from "node:fs"
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import * as LoadConfig from "../shared/LoadConfig.ts"
import * as UserPaths from "../shared/UserPaths.ts"

/** What a configuration of this name, or a relay without one, has in a folder. */
const filesIn = (folder: string, file: string): ReadonlyArray<string> => [
  ...LoadConfig.places(file).map((place) => NodePath.join(folder, place)),
  ...(file === LoadConfig.relayFile ? [LoadConfig.serversFolder(NodePath.join(folder, file))] : []),
]

/** Logs what was left in the package's folder, unless there is something here in its place. */
export const warn = Effect.fnUntraced(function* (
  file: string,
  env: UserPaths.Environment = process.env,
) {
  const folder = UserPaths.packageFolder(env)
  const here = process.cwd()
  if (folder === undefined || filesIn(here, file).some((path) => existsSync(path))) return
  const left = filesIn(folder, file).filter((path) => existsSync(path))
  if (left.length === 0) return
  yield* Effect.logWarning(
    `not used: ${left.join(", ")}. Files count from the folder where npm was called, ${here}: start this in the other folder, or move them here`,
  )
})
