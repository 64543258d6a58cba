/**
 * A line with a round trip, for loopback: a proxy that passes every chunk on in
 * order, later than it came, and limits nothing else.
 */
import { once } from "node:events"
import * as net from "node:net"

const delayed = (from: net.Socket, to: net.Socket, millis: number): void => {
  from.on("data", (chunk) => setTimeout(() => to.write(chunk), millis))
  from.on("end", () => setTimeout(() => to.end(), millis))
  from.on("error", () => to.destroy())
}

/** The address of `url` behind a line whose round trip takes so many milliseconds. */
export const delayTo = async (url: string, roundTrip: number): Promise<string> => {
  const { hostname, port, protocol } = new URL(url)
  const proxy = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = net.connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      allowHalfOpen: true,
    })
    delayed(near, far, roundTrip / 2)
    delayed(far, near, roundTrip / 2)
  })
  proxy.unref()
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  return `${protocol}//127.0.0.1:${(proxy.address() as net.AddressInfo).port}`
}
