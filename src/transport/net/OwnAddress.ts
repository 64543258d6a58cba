/**
 * The address at which other machines may reach this one.
 */
import { networkInterfaces } from "node:os"

/** The first address of this machine that is not loopback, of IPv4 if there is one; `undefined` without a network. */
export const ownAddress = (): string | undefined => {
  const addresses = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ internal }) => !internal)
  return (addresses.find(({ family }) => family === "IPv4") ?? addresses[0])?.address
}
