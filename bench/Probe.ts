/**
 * The latency of single small requests, one after the other with a pause, so
 * that the visitor who sends them is no load himself.
 */
import * as http from "node:http"

/** The value that `part` of them stay below, from 0 to 1. */
export const quantile = (values: ReadonlyArray<number>, part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN

/** Asks once, and gives the time it took in milliseconds. */
const ask = (url: string, agent: http.Agent): Promise<number> =>
  new Promise((resolve, reject) => {
    const begin = performance.now()
    http
      .get(url, { agent }, (response) => {
        response.resume()
        response.on("end", () => {
          if (response.statusCode === 200) resolve(performance.now() - begin)
          else reject(new Error(`${url} answers ${response.statusCode}`))
        })
        response.on("error", reject)
      })
      .on("error", reject)
  })

/** Asks for `seconds`, with a random pause of up to `pauseMillis` between requests. */
export const probe = async (
  url: string,
  seconds: number,
  pauseMillis = 20,
): Promise<Array<number>> => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const latencies: Array<number> = []
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    latencies.push(await ask(url, agent))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMillis))
  }
  agent.destroy()
  return latencies
}
