const touched = new WeakSet<object>();
const wakers = new Set<() => void>();

/** Remembers that this transaction put something in the outbox. */
export function touchOutbox(transaction: object): void {
  touched.add(transaction);
}

/** After the commit: wakes this process's runners when the transaction put something in the outbox. */
export function wakeOutboxOf(transaction: object): void {
  if (touched.delete(transaction)) for (const wake of wakers) wake();
}

/** Registers a runner; returns how to take it out again. */
export function onOutboxWake(wake: () => void): () => void {
  wakers.add(wake);
  return () => wakers.delete(wake);
}
