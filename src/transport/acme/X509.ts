/**
 * Makes keys, certification requests (RFC 2986) and self-signed certificates
 * (RFC 5280), and reads what renewal information needs of a certificate.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto"
import { isIP } from "node:net"
import * as Certificate from "../net/Certificate.ts"
import * as Der from "./Der.ts"

const oids = {
  commonName: "2.5.4.3",
  subjectAltName: "2.5.29.17",
  /** RFC 8737 6.1. */
  acmeIdentifier: "1.3.6.1.5.5.7.1.31",
  extensionRequest: "1.2.840.113549.1.9.14",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const

/** A new key on the curve P-256. */
export const newKey = (): KeyObject =>
  generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey

/** A key as PEM. */
export const pemOf = (key: KeyObject): string =>
  key.export({ type: "pkcs8", format: "pem" }).toString()

const algorithm = Der.sequence(Der.oid(oids.ecdsaWithSha256))

const publicKeyOf = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ type: "spki", format: "der" })

const signed = (content: Buffer, key: KeyObject): Buffer =>
  Der.sequence(content, algorithm, Der.bits(sign("sha256", content, key)))

/** The extension with the names of a certificate (RFC 5280 4.2.1.6). */
const namesExtension = (names: ReadonlyArray<string>): Buffer =>
  Der.sequence(
    Der.oid(oids.subjectAltName),
    Der.octets(
      Der.sequence(
        ...names.map((name) =>
          isIP(name) === 4
            ? Der.context(7, false, Buffer.from(name.split(".").map(Number)))
            : Der.context(2, false, Buffer.from(name, "latin1")),
        ),
      ),
    ),
  )

/** A certification request for these names, in DER. */
export const request = (names: ReadonlyArray<string>, key: KeyObject): Buffer =>
  signed(
    Der.sequence(
      Der.integer(Buffer.of(0)),
      Der.sequence(),
      publicKeyOf(key),
      Der.context(
        0,
        true,
        Der.sequence(Der.oid(oids.extensionRequest), Der.set(Der.sequence(namesExtension(names)))),
      ),
    ),
    key,
  )

const pem = (label: string, der: Buffer): string => {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`
}

/** What a self-signed certificate says. */
export interface SelfSignedOptions {
  /** Host names, and addresses of IPv4. */
  readonly names: ReadonlyArray<string>
  /** How it names itself. */
  readonly title: string
  /** In milliseconds since 1970. */
  readonly from: number
  readonly until: number
  readonly extensions?: ReadonlyArray<Buffer>
}

/** Makes a self-signed certificate and its key. */
export const selfSigned = ({
  extensions = [],
  from,
  names,
  title,
  until,
}: SelfSignedOptions): Certificate.Certificate => {
  const key = newKey()
  const name = Der.sequence(Der.set(Der.sequence(Der.oid(oids.commonName), Der.utf8(title))))
  const serial = randomBytes(16)
  serial[0] = 0x40 | ((serial[0] as number) & 0x3f)
  const content = Der.sequence(
    Der.context(0, true, Der.integer(Buffer.of(2))),
    Der.integer(serial),
    algorithm,
    name,
    Der.sequence(Der.time(from), Der.time(until)),
    name,
    publicKeyOf(key),
    Der.context(3, true, Der.sequence(namesExtension(names), ...extensions)),
  )
  return Certificate.make(pem("CERTIFICATE", signed(content, key)), pemOf(key))
}

const day = 24 * 3_600_000

/** The certificate that answers the challenge `tls-alpn-01` for a host (RFC 8737 3). */
export const challengeCertificate = (
  host: string,
  keyAuthorization: string,
  now: number,
): Certificate.Certificate =>
  selfSigned({
    names: [host],
    title: "ACME challenge",
    from: now - day,
    until: now + day,
    extensions: [
      Der.sequence(
        Der.oid(oids.acmeIdentifier),
        Der.yes,
        Der.octets(Der.octets(createHash("sha256").update(keyAuthorization).digest())),
      ),
    ],
  })

/** The parts of a sequence. */
const partsOf = (read: Der.Read | undefined): ReadonlyArray<Der.Read> =>
  (read === undefined ? undefined : Der.readAll(read.content)) ?? []

/** The object identifier of the extension with the key of the issuer (RFC 5280 4.2.1.1), without tag and length. */
const authorityKey = Buffer.of(0x55, 0x1d, 0x23)

/**
 * By what a certificate authority knows a certificate when it is asked for
 * renewal information (RFC 9773 4.1); `undefined` if the certificate does not
 * name its issuer's key.
 */
export const renewalId = (chain: string): string | undefined => {
  const [certificate] = Der.readAll(new X509Certificate(chain).raw) ?? []
  const [content] = partsOf(certificate)
  const parts = partsOf(content)
  const serial = parts.find(({ tag }) => tag === 0x02)
  const [extensions] = partsOf(parts.find(({ tag }) => tag === 0xa3))
  const extension = partsOf(extensions)
    .map(partsOf)
    .find(([id]) => id?.content.equals(authorityKey))
  const [key] = partsOf(extension?.at(-1)).flatMap(partsOf)
  if (serial === undefined || key?.tag !== 0x80) return undefined
  return `${key.content.toString("base64url")}.${serial.content.toString("base64url")}`
}
