/**
 * nginx that serves a folder, to compare with: without a log, and with as few
 * limits as a benchmark needs.
 */
import type { ChildProcess } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { start } from "./Processes.ts"

/** What it serves, and where. */
export interface NginxOptions {
  /** For its configuration and temporary files. */
  readonly folder: string
  readonly files: string
  readonly port: number
  /** Worker processes; default: 1. */
  readonly workers?: number
  /** Further parameters of `listen`. */
  readonly listen?: string
  /** Further lines of `http`. */
  readonly http?: string
  /** Further lines of `server`. */
  readonly server?: string
}

/** Starts it. */
export const startNginx = (options: NginxOptions): ChildProcess => {
  const { files, folder, http = "", listen = "", port, server = "", workers = 1 } = options
  const config = join(folder, "nginx.conf")
  const user = process.getuid?.() === 0 ? "user root;" : ""
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  writeFileSync(
    config,
    `${user} daemon off; worker_processes ${workers}; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 16384; }
http {
  access_log off; sendfile on; keepalive_requests 100000000; ${http}
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
  server { listen 127.0.0.1:${port} backlog=4096 ${listen}; root ${files}; ${server} }
}
`,
  )
  return start("nginx", ["-p", folder, "-c", config, "-e", "stderr"], { cwd: folder })
}
