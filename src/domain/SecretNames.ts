/**
 * Which names of parameters, fields and form fields are likely to hold a
 * secret, and addresses without such secrets.
 */

const secretNames = new RegExp(
  [
    "token|secret|passw|pwd|passphrase|passcode|pass[-_. ](?:word|phrase)",
    // `dbpass`, but not "compass" or "bypass".
    "(?<!by|com|im|over|sur|tres|under)pass$",
    "kennwort|contrase|senha|mot[-_. ]?de[-_. ]?passe|wachtwoord|passord|l\u00f6senord|adgangskode|salasana|heslo|has\u0142o|parola|[s\u015f]ifre|jelsz[o\u00f3]|lozink|(?:^|[^a-z])(?:clave|mdp)(?:[^a-z]|$)",
    "\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6\u7801|\u5bc6\u78bc|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638",
    "(?:api|access|account|application|app|client|encryption|functions?|hmac|licen[cs]e|master|private|shared|signing|ssh|subscription)[-_. ]?key|passkey|^key$",
    "mnemonic|(?:seed|recovery|backup)[-_. ]?(?:phrase|words)|security[-_. ]?answer|bearer|^cookies?$",
    // Not "author", "authored" or "authority", but "authorization" and "authorisation".
    "auth(?!or(?!i[sz]))",
    // Of single sign-on: PKCE (RFC 7636), client assertions (RFC 7523) and SAML.
    "code[-_. ]?verifier|assertion|saml[-_. ]?(?:art|response)",
    "^code$|(?:verification|recovery|backup|device|user|otp|mfa|2fa|totp|sms)[-_. ]?code",
    "signature|^sig$|session|sess[-_. ]?id|jwt|credential|csrf|xsrf|wp[-_]?nonce",
    "(?:^|[^a-z])(?:pass|pw|psk|otp|totp|pin|puk|cvv|cvc|tan|sid|hmac|crumb|macaroon)(?:[^a-z]|$)",
  ].join("|"),
  "i",
)

/** Whether a parameter or field of this name is likely to hold a secret. */
export const isSecretName = (name: string): boolean => {
  // Letters of other widths are read as the usual ones.
  const usual = /[\uff00-\uffef]/.test(name) ? name.normalize("NFKC") : name
  // `userPass` as `user-pass`
  return secretNames.test(usual) || secretNames.test(usual.replace(/([a-z])(?=[A-Z])/g, "$1-"))
}

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

/**
 * A one-time or shared secret in the path of an address. It follows a segment that says its
 * purpose, such as `reset`, perhaps with another segment between, such as the user's number.
 */
const pathToken =
  /(\/[\w-]{0,40}(?:reset|passwor[dt]|magic|invit|confirm|verif|activat|token|secret|webhook|unsubscribe|recover|log-?in|sign-?in)[\w-]{0,40}\/(?:[\w%@+.-]{1,64}\/){0,2})(?=[A-Za-z_-]{0,60}\d)(?=[\d_-]{0,60}[A-Za-z])[\w-]{16,}/gi

/** The private address of a calendar. */
const calendarKey = /(\/private-)[0-9a-f]{16,}/g

/**
 * Signed and encrypted tokens (RFC 7515 7.1, RFC 7516 7.1), each behind what precedes it
 * without a dot. Only the first possible beginning there is tried, so that each character
 * is read once: what follows is the same for all.
 */
const jose = /(?<![\w-])((?:(?!\beyJ)[\w-])*)\beyJ[\w-]{5,}(?:\.[\w-]*){2,4}/g

/** Keys that begin with the name of who gave them, and tickets of single sign-on (CAS). */
const namedKey = new RegExp(
  [
    "(?:gh[opsur]_|github_pat_|gl(?:pat|rt|dt|cbt|ptt|oas)-|xox[abeoprs]-|xapp-|[sr]k_live_|whsec_|sk-(?:ant-|proj-)?|npm_|hf_|pypi-|dckr_pat_|dop_v1_|shp(?:at|ca|pa|ss)_|hvs\\.|glsa_|ATATT3x|ya29\\.|AIza)[A-Za-z0-9][\\w-]{19,}",
    "(?:ST|PT|TGT)-\\d+-[\\w.-]{8,}",
    "SG\\.[\\w-]{16,}\\.[\\w-]{16,}",
    "AGE-SECRET-KEY-1[0-9A-Z]{16,}",
  ]
    .map((one) => `\\b(?:${one})`)
    .join("|"),
  "g",
)

/** Tokens of Telegram's bots, and the addresses by which Slack and Discord let everybody write, which are secrets as a whole. */
const botToken =
  /(?<!\d)(\d{6,12}:)AA[\w-]{30,40}(?![\w-])|(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]+|(\/api\/webhooks\/\d{15,22}\/)[\w-]{40,}/g

/** Hashes of passwords, as of crypt, bcrypt, scrypt, yescrypt and Argon2. */
const passwordHash = /\$(?:2[abxy]?\$\d\d\$|[1567y]\$|scrypt\$|argon2(?:id?|d)\$)[\w./=,$+-]{16,}/g

/** A text without what tells by itself that it is a secret, whatever it is called. */
export const withoutTokens = (text: string): string =>
  text
    .replace(shareToken, "$1***")
    .replace(pathToken, "$1***")
    .replace(calendarKey, "$1***")
    .replace(jose, "$1***")
    .replace(namedKey, "***")
    .replace(passwordHash, "***")
    .replace(
      botToken,
      (_, telegram?: string, slack?: string, discord?: string) =>
        `${telegram ?? slack ?? discord ?? ""}***`,
    )

/** Another address, form or JSON within the value of a parameter, such as `next=%2Flogin%3Fpassword%3D…`. */
const nestedPair = /(?:^|[?&;#])([^?&;=#\s]+)=[^&;#]|"([^"\\]{1,64})"\s*:/g

const holdsSecret = (value: string): boolean => {
  if (!/[=:@]|%(?:3d|3a|40)/i.test(value)) return false
  const text = decodedName(value)
  return (
    replaceUserinfo(text, "") !== text ||
    [...text.matchAll(nestedPair)].some(([, name = "", member = ""]) =>
      isSecretName(decodedName(name || member)),
    )
  )
}

const redactPairs = (text: string, pair: RegExp): string =>
  text.replace(pair, (whole, start: string, name: string, value: string) =>
    isSecretName(decodedName(name)) || holdsSecret(value) ? `${start}${name}=***` : whole,
  )

/**
 * A target without secrets. The value of every parameter with the name of a
 * secret becomes `***`, in the path (RFC 3986 3.3), the query and the fragment.
 * So does a value that is recognised as a secret by itself, such as a token.
 * Userinfo before the host is removed.
 */
export const withoutSecrets = (target: string): string => {
  const withoutUser = replaceUserinfo(withoutTokens(target), "")
  const end = withoutUser.search(/[?#]/)
  const path = end < 0 ? withoutUser : withoutUser.slice(0, end)
  const query = withoutUser.slice(path.length)
  return (
    redactPairs(path, /(;)([^;=/]+)=([^;/]*)/g) +
    redactPairs(query, /([?&;#]|^)([^?&;=#]+)=([^&;#]*)/g)
  )
}
