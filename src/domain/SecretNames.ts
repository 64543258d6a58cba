/**
 * Which names of parameters, fields and form fields are likely to hold a
 * secret, and addresses without such secrets.
 */

const secretNames = new RegExp(
  [
    "token|secret|passw|pwd|passphrase|passcode|pass[-_. ](?:word|phrase)|kennwort|contrase|senha",
    "(?:api|access|private|encryption|signing)[-_. ]?key|^key$",
    // Not "author", "authored" or "authority", but "authorization" and "authorisation".
    "auth(?!or(?!i[sz]))",
    // Of single sign-on: PKCE (RFC 7636), client assertions (RFC 7523) and SAML.
    "code[-_. ]?verifier|assertion|saml[-_. ]?(?:art|response)",
    "^code$|(?:verification|recovery|backup|otp|mfa|2fa|totp|sms)[-_. ]?code",
    "signature|^sig$|session|sess[-_. ]?id|jwt|credential|csrf|xsrf",
    "(?:^|[^a-z])(?:pass|otp|totp|pin|cvv|cvc|tan|sid)(?:[^a-z]|$)",
  ].join("|"),
  "i",
)

/** Whether a parameter or field of this name is likely to hold a secret. */
export const isSecretName = (name: string): boolean =>
  // `userPass` as `user-pass`
  secretNames.test(name) || secretNames.test(name.replace(/([a-z])(?=[A-Z])/g, "$1-"))

/** How often a name may be percent-encoded. */
const maxEncodings = 3

/** A percent-encoded name as it is meant, also if it is encoded several times. */
export const decodedName = (text: string): string => {
  let name = text.replaceAll("+", " ")
  try {
    for (let i = 0; i < maxEncodings && name.includes("%"); i++) name = decodeURIComponent(name)
  } catch {
    // What is no encoding is taken as it is.
  }
  return name
}

const userinfo = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)[^/?#\s"'<>]*@/gi

/** A text whose addresses have others in place of userinfo before the host (RFC 3986 3.2.1). */
export const replaceUserinfo = (text: string, replacement: string): string =>
  text.replace(userinfo, (_, scheme: string) => scheme + replacement)

/** A token in the address of a share link of the file server, which opens it; its signature has 43 characters. */
const shareToken = /(\/share\/)[\w-]+\.[\w-]{43}(?![\w-])/g

/** A text without the tokens of share links. */
export const withoutShareTokens = (text: string): string => text.replace(shareToken, "$1***")

/** Another address or form within the value of a parameter, such as `next=%2Flogin%3Fpassword%3D…`. */
const nestedPair = /(?:^|[?&;#])([^?&;=#\s]+)=[^&;#]/g

const holdsSecret = (value: string): boolean => {
  if (!/%3d|=/i.test(value)) return false
  return [...decodedName(value).matchAll(nestedPair)].some(([, name = ""]) =>
    isSecretName(decodedName(name)),
  )
}

const redactPairs = (text: string, pair: RegExp): string =>
  text.replace(pair, (whole, start: string, name: string, value: string) =>
    isSecretName(decodedName(name)) || holdsSecret(value) ? `${start}${name}=***` : whole,
  )

/**
 * A target without secrets: the value of every parameter with the name of a
 * secret becomes `***`, in the path (RFC 3986 3.3), the query and the fragment,
 * so does the token of a share link, and userinfo before the host is removed.
 */
export const withoutSecrets = (target: string): string => {
  const withoutUser = replaceUserinfo(withoutShareTokens(target), "")
  const end = withoutUser.search(/[?#]/)
  const path = end < 0 ? withoutUser : withoutUser.slice(0, end)
  const query = withoutUser.slice(path.length)
  return (
    redactPairs(path, /(;)([^;=/]+)=([^;/]*)/g) +
    redactPairs(query, /([?&;#]|^)([^?&;=#]+)=([^&;#]*)/g)
  )
}
