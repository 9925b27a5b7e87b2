import type { VerifierKey } from "@aegis/tlog/note";
import { openStatement } from "@aegis/tlog/statement";
import type { Ports, StoredStatement } from "./ports.ts";

const page = 200;

/**
 * Keeps what producers signed. What nobody could have signed is dropped and told of; a key that is not pinned here is the verifier's
 * business, who has keys of its own.
 */
export function keepStatements({ statements, signals }: Pick<Ports, "statements" | "signals">, keys: readonly VerifierKey[]) {
  return async (messages: readonly Uint8Array[]): Promise<void> => {
    const kept = [];
    for (const bytes of messages) {
      const message = Buffer.from(bytes).toString("utf8");
      const opened = openStatement(message, keys);
      if (opened.kind !== "signed") signals.badStatement(opened.kind, opened.kind === "malformed" ? undefined : opened.statement.producer);
      if (opened.kind === "malformed" || opened.kind === "forged") continue;
      const { producer, epoch, first, events } = opened.statement;
      kept.push({ message, producer, epoch, first, last: first + events.length - 1 });
    }
    await statements.keep(kept);
  };
}

/** All statements, oldest first. */
export async function* everyStatement({ statements }: Pick<Ports, "statements">): AsyncGenerator<StoredStatement> {
  for (let after = 0; ; ) {
    const found = await statements.page(after, page);
    yield* found;
    if (found.length < page) return;
    after = (found.at(-1) as StoredStatement).number;
  }
}
