/** What every port holds its clients to: how long a head and a whole request may take, in milliseconds, and how long heads may be, in bytes. */
export const requestBounds = {
  headersTimeout: 10_000,
  // From a connection's first moment: one that says nothing, or a little at a time, gets 408 and is closed.
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
};

/** At the same time, on one port. */
export const mostConnections = 4_096;
