/**
 * The paths, header fields, texts and limits of the protocol. Each stands in
 * `docs/protocol.md` as well; a test compares both.
 */

/** The path prefix of the relay's backend API. */
export const prefix = "/7ZSFUKGV"

/** Paths below the prefix; a name or an id follows. */
export const listenPath = "/http_listen/"
/** See {@link listenPath}. */
export const responsePath = "/http_response/"
/** See {@link listenPath}. */
export const requestPath = "/http_request/"
/** See {@link listenPath}. */
export const interimPath = "/http_interim/"
/** Path of several answers of classic 2; nothing follows. */
export const responsesPath = "/http_responses"
/** See {@link listenPath}. */
export const streamPath = "/stream/"

/** The protocol's own header fields, in lower case. */
export const header = {
  apiKey: "x-apikey",
  magic: "x-ptth-2ljyxwc4",
  version: "x-ptth-version",
  instance: "x-ptth-instance",
  link: "x-ptth-link",
  reason: "x-ptth-reason",
  farewell: "x-ptth-farewell",
  ack: "x-ptth-ack",
  answers: "x-ptth-answers",
  interim: "x-ptth-interim",
  status: "x-ptth-status",
  code: "x-ptth-code",
  publicUrl: "x-ptth-public-url",
  responseTimeout: "x-ptth-response-timeout",
  beginWithin: "x-ptth-begin-within",
  openUrl: "x-ptth-open-url",
  displayName: "x-ptth-display-name",
  relay: "x-ptth-relay",
  links: "x-ptth-links",
  have: "x-ptth-have",
  ticket: "x-ptth-ticket",
  service: "x-ptth-service",
} as const

/** The value of the version field in classic 2. */
export const version2 = "2"

/** The value of the answers field of a relay that accepts several answers in one POST. */
export const manyAnswers = "many"

/** The value of the interim field of a relay that takes interim responses. */
export const takesInterim = "taken"

/** The most interim responses of one request that are passed on. */
export const maxInterim = 32

/** Bodies of the relay's answers. The original's server shows them to its user. */
export const text = {
  noKey: "Can't run server without an API key\n",
  badKey: "Bad X-ApiKey\n",
  tooManyKeys: "Too many wrong keys came from this address, try again in a minute\n",
  linkHere: "A link of this process is here already, try another relay\n",
  tooManyLinks: "This server has as many links here as it may have, try again later\n",
  needsStream: "Visitors of this server reach it by stream only\n",
  shuttingDown: "Server is shutting down, try again soon\n",
  streamFinished: "StreamFinished\n",
  answersTaken: "Answers taken\n",
  clientDisconnected: "ClientDisconnected\n",
  noWebSocket: "This is for a WebSocket, version 13\n",
  noClient: "Failed to connect to client\n",
  unknownId: "Request ID not found in response_rendezvous\n",
  wrongServer: "This request was handed to another server\n",
  badHead: "The response head cannot be decoded\n",
} as const

/** How long a listen waits for a request before it is answered 204, in milliseconds. */
export const listenMillis = 25_000

/** The most listens of one classic 2 instance that wait at once. */
export const maxParked = 8

/** The longest time for a response that a server may ask for, in milliseconds. */
export const maxResponseMillis = 86_400_000

/**
 * The time for a response that a server asks for in a field, in milliseconds;
 * `undefined` if it asks for none.
 */
export const askedMillis = (
  value: string | ReadonlyArray<string> | undefined,
): number | undefined =>
  typeof value === "string" && /^[1-9]\d{0,8}$/.test(value)
    ? Math.min(Number(value), maxResponseMillis)
    : undefined

/** The most characters of an instance's name. */
export const maxInstance = 64

/** The most characters of a link's number. */
export const maxLinkNumber = 8

/** The most links over which a relay asks a server to spread. */
export const maxLinks = 64

/** The most ids of relays in one `X-PTTH-Have`. */
export const maxHave = 256

/** The most relays in a frame that names them. */
export const maxRelays = 1024

/** How many tries for each link that the relay asks for may end with 409, until a link is opened anywhere. */
export const triesPerLink = 3

/** The most characters of a method. */
export const maxMethod = 64

/** The largest request body inside a listen answer, in bytes. */
export const maxInline = 16 * 1024

/** The largest encoded head that either end accepts, in bytes. */
export const maxHead = 256 * 1024

/** The largest listen answer that a server accepts, in bytes. */
export const maxListenAnswer = 16 * 1024 * 1024

/** The most bytes that a relay puts into one listen answer, unless a single request has more. */
export const listenBatchBytes = 1024 * 1024

/** The most requests that a relay puts into one listen answer. */
export const listenBatch = 64

/** The largest body of a response that is sent with others in one POST, in bytes. */
export const maxAnswerBody = 64 * 1024

/** The most bytes that a server puts into one POST of answers, unless a single answer has more. */
export const answersBytes = 1024 * 1024

/** The largest POST of answers that a relay accepts, in bytes. */
export const maxAnswers = 2 * 1024 * 1024

/** The most ids in one `X-PTTH-Ack`. */
export const maxAcks = 128
