import { AegisError } from "@aegis/contracts/errors";
import { callJson } from "@aegis/http/client";
import { peerToken } from "@aegis/rpc/peer";
import { later } from "@aegis/service/clock";
import type { Logger } from "@aegis/service/logger";
import { z } from "zod";
import type { Clock, SubjectKey, SubjectKeys } from "#usecases/ports.ts";

/** A key is held in memory for so long; it is forgotten sooner when its subject is erased. */
const heldMs = 10 * 60_000;
const mostHeld = 10_000;
/** A decision waits no longer for a key; an answer that comes later is there for the next one. */
const waitMs = 2_000;
/** Who did not answer is left alone for so long. */
const pauseMs = 1_000;

/** Gives the key of a person. Throws when it cannot be had. */
export type AskForKey = (tenant: string, subject: string) => Promise<SubjectKey>;

export interface HeldSubjectKeys extends SubjectKeys {
  /** The key's subject is erased. */
  forget(key: string): void;
}

const answer = z.object({ key: z.string(), secret: z.base64url().length(43) });

/** Asks the ledger's service, with the credential of this instance; without a URL there are no keys. */
export function ledgersKeys(options: { auditUrl: string | undefined; keyFile: string }): AskForKey {
  const { auditUrl, keyFile } = options;
  const credential = peerToken({ keyFile, service: "authz", audience: "audit" });
  return async (tenant, subject) => {
    if (auditUrl === undefined) throw new AegisError("precondition_failed", "AEGIS_AUTHZ_AUDIT_URL is not set");
    const call = { bearer: await credential(), json: { tenant, subject }, timeoutMs: 10_000 };
    const { key, secret } = answer.parse(await callJson(`${auditUrl}/v1/subject-keys`, call));
    return { id: key, secret: Buffer.from(secret, "base64url") };
  };
}

/** The keys of data subjects, held in memory for a while and nowhere else. */
export function subjectKeys(ask: AskForKey, { clock, logger }: { clock: Clock; logger: Logger }): HeldSubjectKeys {
  const held = new Map<string, { readonly key: SubjectKey; readonly until: number }>();
  const asked = new Map<string, Promise<SubjectKey | undefined>>();
  const forgotten = new Set<string>();
  let pausedUntil = 0;
  const now = () => clock.now().getTime();
  const pause = (error: unknown) => {
    pausedUntil = now() + pauseMs;
    logger.warn({ err: error }, "a data subject's key could not be had; what is theirs is not recorded");
    return undefined;
  };

  const fetched = async (name: string, tenant: string, subject: string): Promise<SubjectKey | undefined> => {
    try {
      const key = await ask(tenant, subject);
      // Erased while its answer was on the way.
      if (forgotten.has(key.id)) return undefined;
      const [oldest] = held.keys();
      if (held.size >= mostHeld && oldest !== undefined) held.delete(oldest);
      held.set(name, { key, until: now() + heldMs });
      return key;
    } catch (error) {
      return pause(error);
    } finally {
      asked.delete(name);
    }
  };

  return {
    async keyOf(tenant, subject) {
      const name = JSON.stringify([tenant, subject]);
      const known = held.get(name);
      if (known !== undefined && now() < known.until) return known.key;
      held.delete(name);
      if (now() < pausedUntil) return undefined;
      const waiting = asked.get(name) ?? fetched(name, tenant, subject);
      asked.set(name, waiting);
      const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
      const callOff = later(waitMs, () => resolve(pause(new AegisError("deadline_exceeded", `no answer within ${waitMs} ms`))));
      return Promise.race([waiting, tooLate]).finally(callOff);
    },
    forget(key) {
      if (forgotten.size >= mostHeld) forgotten.clear();
      forgotten.add(key);
      for (const [name, { key: own }] of held) if (own.id === key) held.delete(name);
    },
  };
}
