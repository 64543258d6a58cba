/**
 * Estimates the strength of one key in a worker thread. The dictionary takes
 * 42 MB, which are freed when the thread ends.
 */
import { parentPort, workerData } from "node:worker_threads"
import { ZxcvbnFactory } from "@zxcvbn-ts/core"
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common"

const estimator = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs })
const { guessesLog10 } = estimator.check(String(workerData))

/** The result: the base-2 logarithm of the guesses that the key withstands. */
parentPort?.postMessage(guessesLog10 * Math.log2(10))
