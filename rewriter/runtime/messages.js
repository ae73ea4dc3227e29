// @ts-check
/** The kinds of messages between two stages; each message is an array that begins with one of them. */
'use strict';

module.exports = Object.freeze({
  /** session, handler, captures, arguments, asynchronous stores */
  CALL: 1,
  /** session, status, changes, value */
  RESULT: 2,
  /** session: the synchronous part of the handler has run */
  STARTED: 3,
  /** session, reason: nothing has run, the caller must run the handler itself */
  REFUSED: 4,
  /** session, function, number of the reply or 0, changes, this, arguments */
  FUNCTION_CALL: 5,
  /** session, number, changes, status, value */
  FUNCTION_REPLY: 6,
  /** session: both sides forget it */
  RELEASE: 7,
  /** session: the sender uses nothing of it any more */
  DROP: 8,
  /** session, object, anything that the two ends of a bridge tell each other */
  BRIDGE: 9,
  /** session, object, good, changes, value */
  SETTLE: 10,
  /** file descriptor, text or bytes that the stage prints */
  PRINT: 11,
  /** exit code: the stage has called process.exit */
  EXIT: 12,
  /** 0 exception or 1 rejection, value: nobody caught it on the stage */
  RAISE: 13,
  /** JSON line */
  VIOLATION: 14,
  /** number of servers that the stage would listen with: it can take calls */
  READY: 15,
  /** number of the server or socket: the stage wants to know its address */
  LISTEN: 16,
  /** number, address, or null and an error */
  LISTENING: 17,
  /** name of an initial value that the stage needs */
  INITIAL: 18,
  /** name, value */
  INITIAL_VALUE: 19,
  /** reason: the program did not start on the stage */
  FAILED: 20,
  /** the stage ends soon and takes no more calls */
  LEAVING: 21,

  /** has the stage anything under way? */
  ASK_IDLE: 22,
  /** nothing is under way on the stage */
  IDLE: 23,

  /** In place of a function: an operation on an object that stayed on its stage. */
  REFLECT: -1,

  VALUE: 0,
  THREW: 1,
  REJECTED: 2,
});
