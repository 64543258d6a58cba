/**
 * What errors of a TLS connection mean, by the codes of Node and the words of OpenSSL.
 */

const untrustedCode =
  /(?:^|_)CERT(?:_|$)|^UNABLE_TO_VERIFY_LEAF_SIGNATURE$|^INVALID_(?:CA|PURPOSE)$|^HOSTNAME_MISMATCH$/

/** Whether this is the code of a certificate that does not verify. */
export const isUntrusted = (code: string): boolean => untrustedCode.test(code)

/** Whether this is the code of a failed handshake. */
export const isHandshake = (code: string): boolean =>
  code === "EPROTO" || code.startsWith("ERR_SSL_")

const noTls = /wrong version number|packet length too long|record too (?:large|small)|http request/i

/** Whether OpenSSL's words say that the answer is no TLS. */
export const isNoTls = (words: string): boolean => noTls.test(words)
