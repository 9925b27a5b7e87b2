import type { Checkpoint } from "@aegis/tlog/checkpoint";
import type { TreeHead } from "@aegis/tlog/proof";
import { maySign, type SigningRequest } from "#domain/signing.ts";
import type { Clock, SignerState } from "./ports.ts";

export type Signed = { readonly ok: true; readonly note: string } | { readonly ok: false; readonly last: TreeHead };

/** Makes the note; the only place that holds the key. */
export type MakeNote = (checkpoint: Checkpoint) => string;

/**
 * Signs a checkpoint that continues what was signed before. What is about to be signed is remembered durably first: a crash
 * in between costs a signature, never two histories.
 */
export function sign({ state, makeNote, clock }: { state: SignerState; makeNote: MakeNote; clock: Clock }) {
  return async (origin: string, request: SigningRequest): Promise<Signed> => {
    const { head: last, generation } = await state.last(origin);
    if (!maySign(last, request)) return { ok: false, last };
    const next: TreeHead = { size: request.size, root: request.root };
    if (next.size > last.size && !(await state.replace(origin, generation, next))) {
      return { ok: false, last: (await state.last(origin)).head };
    }
    return { ok: true, note: makeNote({ origin, ...next, time: clock.now().toISOString() }) };
  };
}
