/**
 * Path mode: an application is at `/`, but visitors see it below a prefix. In
 * responses the prefix is put before the paths that an application gives for
 * its own, unless they have it already; in requests it is taken off, as it is
 * from the target. Fields that affect the whole origin are removed.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import * as AddressFields from "../address/AddressFields.ts"
import type * as AddressSyntax from "../address/AddressSyntax.ts"
import * as UriReference from "../address/UriReference.ts"
import type { PublicAddress } from "./Forwarded.ts"

/** Adds the prefix to references to the host at which the visitor sees the application. */
const adding =
  (address: PublicAddress): AddressSyntax.Move =>
  (text) => {
    const reference = UriReference.parse(text)
    return reference !== undefined && UriReference.isOn(reference, address)
      ? reference.start + UriReference.below(reference.path, address.prefix)
      : text
  }

/** Removes the prefix from references below it, in any spelling. */
const removing =
  (address: PublicAddress, prefixes: () => ReadonlyArray<string>): AddressSyntax.Move =>
  (text) => {
    const reference = UriReference.parse(text)
    if (reference === undefined || !UriReference.isOn(reference, address)) return text
    for (const prefix of prefixes()) {
      const start = UriReference.startOf(reference.path, prefix)
      if (start === undefined) continue
      const path = UriReference.rebase(reference.path, start, "")
      return UriReference.join(reference.start, path, address)
    }
    return text
  }

const requestFields = AddressFields.byName(AddressFields.inRequests)

/**
 * The fields of a visitor's request for the application; the prefix is not empty.
 *
 * @param prefixes the prefixes below which the application is seen; most requests have no field that asks for them
 */
export const remove = (
  headers: HeaderList,
  address: PublicAddress,
  prefixes: () => ReadonlyArray<string> = () => [address.prefix],
): HeaderList => AddressFields.moved(headers, requestFields, removing(address, prefixes))

/** How a field is changed: it is moved or removed, always or below a prefix. */
const responseFields = new AddressFields.NameTable<
  AddressFields.AddressField | "removed" | "originWide"
>([
  ...[...AddressFields.inResponses, AddressFields.setCookie].map(
    (field) => [field.name, field] as const,
  ),
  ...AddressFields.originWide.map((name) => [name, "originWide"] as const),
  ...AddressFields.proxyOrders.map((name) => [name, "removed"] as const),
])

const noCookies = (): boolean => false

/**
 * The fields of a response for the visitor. Without a prefix the server has an
 * origin of its own: cookies are limited to it, and orders to proxies removed.
 *
 * @param isPrivate whether a Set-Cookie value sets a cookie that is reserved for the relay
 */
export const rewrite = (
  headers: HeaderList,
  address: PublicAddress,
  isPrivate: (value: string) => boolean = noCookies,
): HeaderList => {
  if (!responseFields.isIn(headers)) return headers
  const isBelow = address.prefix !== ""
  const add = adding(address)
  const addToPath: AddressSyntax.Move = (path) => UriReference.below(path, address.prefix)
  const rewritten: Array<Header> = []
  for (const header of headers) {
    const [name, value] = header
    const field = responseFields.get(name)
    if (field === AddressFields.setCookie) {
      if (!isPrivate(value)) rewritten.push([name, field.syntax(value, addToPath)])
    } else if (field === "removed") continue
    else if (field === undefined || !isBelow) rewritten.push(header)
    else if (field !== "originWide") rewritten.push([name, field.syntax(value, add)])
  }
  return rewritten
}
