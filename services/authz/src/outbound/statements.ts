import { createPrivateKey, type KeyObject } from "node:crypto";
import { statementSubject } from "@aegis/contracts/subjects";
import type { SpoolRecord } from "@aegis/spool/reader";
import { digestOf, type Statement, signStatement } from "@aegis/tlog/statement";
import type { SpooledEvent } from "./spooled-event.ts";

/** The key that a producer signs with, from a private Ed25519 JWK. Throws on anything else. */
export function producerKeyOf(jwk: string): KeyObject {
  const key = createPrivateKey({ key: JSON.parse(jwk), format: "jwk" });
  if (key.asymmetricKeyType !== "ed25519") throw new RangeError("a producer's key is an Ed25519 key");
  return key;
}

/** Events in one statement. */
const mostEvents = 256;
/** The end of what was said stays unsigned for so long at most. */
const tailMs = 1_000;

/**
 * Signs what is published, as one chain for each epoch: a statement for many events, and within a second for the last ones. All of it
 * can be made again from the spool, so nothing of it is kept.
 */
export class Statements implements Disposable {
  readonly #producer: string;
  readonly #key: KeyObject;
  readonly #send: (event: SpooledEvent) => void;
  #open:
    | { readonly epoch: string; readonly first: number; readonly previous: Buffer; readonly events: Statement["events"][number][] }
    | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { producer: string; key: KeyObject; send: (event: SpooledEvent) => void }) {
    this.#producer = options.producer;
    this.#key = options.key;
    this.#send = options.send;
  }

  /** Takes in the record that follows, in the order of the spool. What an earlier version spooled has no chain and is not signed. */
  add({ epoch, sequence, previous }: SpoolRecord, { subject, bytes }: SpooledEvent): void {
    const open = this.#open;
    if (open !== undefined && (open.epoch !== epoch || sequence !== open.first + open.events.length)) this.close();
    if (previous === undefined) return;
    // A copy: the record is a slice of a chunk of the spool, which it would keep in memory.
    this.#open ??= { epoch, first: sequence, previous: Buffer.from(previous), events: [] };
    this.#open.events.push({ tenant: subject.split(".", 3)[2] ?? "", digest: digestOf(bytes) });
    if (this.#open.events.length === mostEvents) this.close();
    else this.#timer ??= setTimeout(() => this.close(), tailMs);
  }

  /** Signs and sends what is open. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { epoch, first, previous, events } = open;
    const statement: Statement = { producer: this.#producer, epoch, first, previous, events };
    const message = signStatement(statement, { name: this.#producer, privateKey: this.#key });
    const id = `${epoch}-${first}-${first + events.length - 1}`;
    this.#send({ subject: statementSubject(this.#producer), id, bytes: Buffer.from(message) });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
