// The worker: trains a network and reports. In come "start", "pause" and "drawn", out go "progress", "done" and "error".

import { messagesTo } from "./training.js";

// What is sent to this channel comes back behind the messages that wait: a pause is heard between two slices. A timer
// would do the same, but browsers let it wait for milliseconds.
const channel = new MessageChannel();
let next = null;
channel.port1.onmessage = () => next();

const take = messagesTo(
  (message, transferred) => self.postMessage(message, transferred),
  (slice) => {
    next = slice;
    channel.port2.postMessage(null);
  },
);

self.onmessage = (event) => take(event.data);
