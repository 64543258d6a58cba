/**
 * The programs that are measured, each as a process of its own.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import * as net from "node:net"

/** Starts a program that stops with the benchmark. */
export const start = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): ChildProcess => {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
  let complaint = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-4_000)
  })
  child.on("exit", (code, signal) => {
    if (code === 0 || signal !== null) return
    process.stderr.write(`${command} ${args.join(" ")} ended with ${code}\n${complaint}`)
    process.exit(1)
  })
  child.on("error", (error) => {
    throw error
  })
  return child
}

/** Keeps a process, with all its threads, on one processor; Linux with `taskset` only. */
export const pin = (pid: number, processor: number): void => {
  execFileSync("taskset", ["-a", "-c", "-p", `${processor}`, `${pid}`], { stdio: "ignore" })
}

/** Waits until a program's standard output matches, and gives the first group. */
export const said = (child: ChildProcess, pattern: RegExp): Promise<string> =>
  new Promise((resolve) => {
    let text = ""
    const listen = (chunk: Buffer): void => {
      text += chunk.toString("utf8")
      const match = pattern.exec(text)
      if (match === null) return
      child.stdout?.off("data", listen)
      child.stdout?.resume()
      resolve(match[1] as string)
    }
    child.stdout?.on("data", listen)
  })

/** Waits until an address answers 200, and asks it anew after `interval` milliseconds. */
export const answers = async (url: string, interval = 50): Promise<void> => {
  const end = Date.now() + 15_000
  for (;;) {
    const status = await fetch(url).then(
      async (response) => {
        await response.arrayBuffer()
        return response.status
      },
      () => 0,
    )
    if (status === 200) return
    if (Date.now() > end) throw new Error(`${url} does not answer 200 (last status ${status})`)
    await new Promise((resolve) => setTimeout(resolve, interval))
  }
}

/** A port that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

/** Ends a program and waits for that. */
export const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill("SIGTERM")
  await once(child, "exit")
}

/** Resident memory of a process in MiB, now or at its peak; `undefined` where there is no /proc. */
export const memory = (child: ChildProcess, which: "now" | "peak"): number | undefined => {
  try {
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8")
    const field = which === "now" ? /VmRSS:\s+(\d+)/ : /VmHWM:\s+(\d+)/
    return Number(field.exec(status)?.[1]) / 1024
  } catch {
    return undefined
  }
}

/** Processor time of a process so far, in milliseconds; Linux counts in hundredths of a second. */
export const processorMillis = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** The processes that a process has started and that still run. */
export const childrenOf = (pid: number): ReadonlyArray<number> =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((text) => text !== "")
    .map(Number)

/** How often the threads of a process have been woken: each waits, then is switched to again. */
export const wakeUps = (pid: number): number => {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")
    sum += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1])
  }
  return sum
}
