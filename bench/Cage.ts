/**
 * A part of a processor that a process may use at most, by a control group of
 * Linux (version 2 or 1). Needs root.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs"

/** In microseconds: short, so that a process rests often and briefly. */
const period = 20_000

const roots = [
  {
    root: "/sys/fs/cgroup/cpu",
    limit: (folder: string, quota: number): void => {
      writeFileSync(`${folder}/cpu.cfs_period_us`, `${period}`)
      writeFileSync(`${folder}/cpu.cfs_quota_us`, `${quota}`)
    },
  },
  {
    root: "/sys/fs/cgroup",
    limit: (folder: string, quota: number): void =>
      writeFileSync(`${folder}/cpu.max`, `${quota} ${period}`),
  },
]

const folders = new Set<string>()

/** Holds a process to a part of one processor; `false` where that cannot be done. */
export const cage = (pid: number, part: number): boolean => {
  for (const { limit, root } of roots) {
    if (!existsSync(`${root}/cgroup.procs`)) continue
    const folder = `${root}/ptth-bench-${pid}`
    try {
      mkdirSync(folder)
      folders.add(folder)
      limit(folder, Math.round(period * part))
      writeFileSync(`${folder}/cgroup.procs`, `${pid}`)
      return true
    } catch {
      // Another version, or not root.
    }
  }
  return false
}

/** Removes the groups; their processes have to have ended. */
export const removeCages = (): void => {
  for (const folder of folders) {
    try {
      rmdirSync(folder)
    } catch {
      process.stderr.write(`${folder} is left behind\n`)
    }
  }
}
