/**
 * Every error that PTTH shows to anybody, by its stable code: what happened,
 * what to do, the status a visitor sees and the code a process exits with.
 *
 * `docs/errors.md` lists the same codes; a test holds the two together.
 */

/** What is fixed about one kind of error. */
export interface ErrorEntry {
  /** One sentence: what happened. */
  readonly title: string
  /** One sentence: what to do. */
  readonly remedy: string
  /** One sentence: what the owner of the relay or server can do, where that differs from what a visitor can do. */
  readonly ownerRemedy?: string
  /** The HTTP status that a visitor sees, where one can. */
  readonly status?: number
  /** The process's exit code, where it ends one: 1 runtime, 2 usage or config, 3 cannot bind, 4 the relay refuses the key or is not trusted. */
  readonly exit?: number
}

const entries = {
  PTTH_BAD_REQUEST: {
    status: 400,
    title: "The request is not well-formed HTTP.",
    remedy: "Send the request with a conforming HTTP client.",
  },
  PTTH_AUTH_REQUIRED: {
    status: 401,
    title: "You have to sign in.",
    remedy: "Use what the server's owner or the relay's administrator has given you for it.",
  },
  PTTH_NOT_ADMITTED: {
    status: 403,
    title: "You are not allowed to use this server.",
    remedy: "Sign in where this site asks you to, or ask the relay's administrator for access.",
  },
  PTTH_LOGIN_REQUIRED: {
    status: 401,
    title: "You are not logged in.",
    remedy: "Open the login link that the relay printed when it started.",
  },
  PTTH_CROSS_SITE: {
    status: 403,
    title: "This request does not come from the administrator's own pages.",
    remedy:
      "Use the pages themselves, or the API with a token; behind a proxy set admin_url to the address that is seen.",
  },
  PTTH_UPLOAD_REFUSED: {
    status: 403,
    title: "This upload is not allowed.",
    remedy: "Use another folder or name, or ask the server's owner to allow it.",
  },
  PTTH_UNKNOWN_SERVER: {
    status: 404,
    title: "Unknown server.",
    remedy: "Check the name in the address.",
    ownerRemedy: "Register the server in the relay's configuration.",
  },
  PTTH_NOT_FOUND: {
    status: 404,
    title: "There is nothing at this address.",
    remedy: "Check the address.",
  },
  PTTH_METHOD_NOT_ALLOWED: {
    status: 405,
    title: "This method is not possible here.",
    remedy: "Use a method that the Allow header lists.",
  },
  PTTH_ALREADY_REGISTERED: {
    status: 409,
    exit: 2,
    title: "The server is registered already, and nothing is replaced.",
    remedy:
      "Look at its entry in the relay's configuration; `tripcode` there may be a list of several.",
  },
  PTTH_UPLOAD_EXISTS: {
    status: 409,
    title: "There is a file or folder of this name.",
    remedy: "Choose another name, or ask the server's owner to allow uploads to overwrite.",
  },
  PTTH_UPLOAD_CONDITION: {
    status: 412,
    title: "The file is not as the upload expects it.",
    remedy: "Look at what is there now, and send the file again if it still is to be replaced.",
  },
  PTTH_BODY_TOO_LARGE: {
    status: 413,
    title: "The request body is larger than this relay passes on.",
    remedy: "Send a smaller body.",
    ownerRemedy: "Raise max_body in the relay's configuration.",
  },
  PTTH_UPLOAD_TOO_LARGE: {
    status: 413,
    title: "The file is too large to be uploaded.",
    remedy: "Send a smaller file.",
    ownerRemedy: "Raise uploads_max in the server's configuration.",
  },
  PTTH_WRONG_HOST: {
    status: 421,
    title: "The administrator's pages are not known by this address.",
    remedy: "Use an IP address or localhost, or set admin_url in the relay's configuration.",
  },
  PTTH_BAD_APPROVAL: {
    status: 422,
    exit: 2,
    title: "This cannot be the name and the tripcode of a new server.",
    remedy: "Copy both as the server has printed them; if the name is in the way, choose another.",
  },
  PTTH_TOO_MANY_REQUESTS: {
    status: 429,
    title: "These are more requests than are allowed.",
    remedy: "Wait for as many seconds as Retry-After says, or ask the relay's administrator.",
  },
  PTTH_TOO_MANY_LINKS: {
    status: 429,
    title: "The server has as many links to the relay as it may have.",
    remedy:
      "Stop processes that are not needed, see whether others have its key, or raise max_links in the relay's configuration.",
  },
  PTTH_HEAD_TOO_LARGE: {
    status: 431,
    title: "The request head is too large.",
    remedy: "Send fewer or shorter header fields, or a shorter address.",
  },
  PTTH_BAD_ANSWER: {
    status: 502,
    title: "The server sent an answer that is not legal HTTP.",
    remedy: "Ask the server's owner to look at the application behind it.",
  },
  PTTH_LINK_LOST: {
    status: 502,
    title: "The connection to the server broke before it answered.",
    remedy: "Try again; a request that changes something may have been carried out.",
  },
  PTTH_ORIGIN_DOWN: {
    status: 502,
    title: "The tunnel works, but the application behind the server cannot be reached.",
    remedy: "Ask the server's owner to start the application that `--to` names.",
  },
  PTTH_ORIGIN_BROKEN: {
    status: 502,
    title: "The application behind the server broke off before it answered.",
    remedy: "Ask the server's owner to look at the application's log.",
  },
  PTTH_SERVER_OFFLINE: {
    status: 503,
    title: "The server is not connected to the relay.",
    remedy: "Try again in a moment, or ask the server's owner to start it.",
  },
  PTTH_QUEUE_FULL: {
    status: 503,
    title: "Too many requests are waiting for this server.",
    remedy: "Try again in a moment.",
  },
  PTTH_DRAINING: {
    status: 503,
    title: "The relay is shutting down.",
    remedy: "Try again in a moment.",
  },
  PTTH_NO_ANSWER: {
    status: 504,
    title: "Remote server never responded.",
    remedy: "Try again later.",
    ownerRemedy: "Look at the application, or raise response_timeout if it needs longer.",
  },
  PTTH_DISK_FULL: {
    status: 507,
    title: "The server's disk is full.",
    remedy: "Ask the server's owner to make room.",
  },
  PTTH_CANNOT_APPROVE: {
    status: 500,
    exit: 1,
    title: "The approval could not be put into force.",
    remedy: "Let the relay write to servers.d beside its configuration, and run `ptth check`.",
  },
  PTTH_INTERNAL: {
    status: 500,
    exit: 1,
    title: "Something in PTTH itself failed.",
    remedy: "Report it together with the log lines around it.",
  },
  PTTH_USAGE: {
    exit: 2,
    title: "The command line is not understood.",
    remedy: "See `ptth --help`.",
  },
  PTTH_CONFIG_MISSING: {
    exit: 2,
    title: "The configuration file is not there.",
    remedy: "Check the path given by --config-path.",
  },
  PTTH_CONFIG_UNREADABLE: {
    exit: 2,
    title: "The configuration file cannot be read.",
    remedy: "Check the file's owner and permissions.",
  },
  PTTH_CONFIG_SYNTAX: {
    exit: 2,
    title: "The configuration file is not valid TOML.",
    remedy: "Mend the line that is named.",
  },
  PTTH_CONFIG_UNKNOWN_KEY: {
    exit: 2,
    title: "The configuration has a key that does not exist.",
    remedy: "Remove it, or use the name that is suggested.",
  },
  PTTH_CONFIG_INVALID: {
    exit: 2,
    title: "The configuration has a value that is not allowed.",
    remedy: "Mend the value that is named.",
  },
  PTTH_CONFIG_INCOMPLETE: {
    exit: 2,
    title: "The configuration lacks something that is needed.",
    remedy: "Add the key or flag that is named.",
  },
  PTTH_CONFIG_EXPOSED: {
    exit: 2,
    title: "The configuration holds a key and others can read it.",
    remedy: "Run `chmod 600` on the file.",
  },
  PTTH_KEY_WEAK: {
    exit: 2,
    title: "Won't run because the key is too weak.",
    remedy: "Make a good one with `ptth keygen`.",
  },
  PTTH_ROOT_NOT_FOLDER: {
    exit: 2,
    title: "The folder to serve is not a folder.",
    remedy: "Name a folder that exists.",
  },
  PTTH_INSECURE_RELAY: {
    exit: 2,
    title: "The relay's address is plain http, which would show the key to the network.",
    remedy: "Use https, or --insecure if the network in between is trusted.",
  },
  PTTH_PORT_IN_USE: {
    exit: 3,
    title: "The address is taken.",
    remedy: "Stop the other program, or use another address; port 0 picks a free one.",
  },
  PTTH_CANNOT_BIND: {
    exit: 3,
    title: "The address cannot be listened on.",
    remedy: "Use an address of this machine and a port that you may use.",
  },
  PTTH_KEY_REFUSED: {
    exit: 4,
    title: "The relay refuses this server's key.",
    remedy: "Register the tripcode that is shown in the relay's configuration.",
  },
  PTTH_RELAY_UNTRUSTED: {
    exit: 4,
    title: "The relay's certificate is not trusted.",
    remedy: "Name the certificate to trust with --ca, or give the relay one that is trusted.",
  },
  PTTH_NODE_TOO_OLD: {
    exit: 1,
    title: "This version of Node is too old.",
    remedy: "Install Node 24 or newer.",
  },
} as const satisfies Record<string, ErrorEntry>

/** A stable error code, such as `PTTH_PORT_IN_USE`. */
export type ErrorCode = keyof typeof entries

/** The codes that a visitor can see: those with a status. */
export type VisitorErrorCode = {
  [Code in ErrorCode]: (typeof entries)[Code] extends { readonly status: number } ? Code : never
}[ErrorCode]

/** All codes, in the order of the documentation. */
export const codes = Object.keys(entries) as ReadonlyArray<ErrorCode>

/** What is fixed about a code. */
export const entry = (code: ErrorCode): ErrorEntry => entries[code]

/** The status that a visitor sees for a code. */
export const statusOf = (code: VisitorErrorCode): number => entries[code].status
