/**
 * The user's home folder. A user without an entry in /etc/passwd, as containers
 * often have, has none unless `HOME` is set.
 */
import { homedir } from "node:os"

/**
 * The home folder; without one `/`, which container engines set, too.
 *
 * @param find throws if there is none
 */
export const homeFolder = (find: () => string = homedir): string => {
  try {
    return find()
  } catch {
    return "/"
  }
}
