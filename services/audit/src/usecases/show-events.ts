import { openBytes } from "@aegis/identity/sealed";
import { keyOf, keyText } from "#domain/erasure.ts";
import { erasedMark, sealedIn, withFields } from "#domain/personal.ts";
import { eventOf } from "./event-of.ts";
import type { PersonalPorts } from "./personal-ports.ts";
import type { StoredEntry } from "./ports.ts";

/** What of an entry is somebody's own: kept back, or shown to this person, which is noted in the ledger. */
export type Personal = { readonly kind: "withheld" } | { readonly kind: "shown"; readonly to: string };

/**
 * The events of entries, in their order. What is sealed in them is given only when it is to be shown; `[erased]` stands for what was erased,
 * whoever asks. What was shown is in the ledger before anybody sees it.
 */
export function showEvents(ports: Pick<PersonalPorts, "ring" | "subjectKeys" | "ownEntries" | "clock" | "signals">) {
  return async (tenant: string, entries: readonly StoredEntry[], personal: Personal): Promise<unknown[]> => {
    const events = entries.map(eventOf);
    const sealed = events.map(sealedIn);
    const names = [...new Set(sealed.flatMap((one) => one?.key ?? []))];
    if (names.length === 0) return events;
    const kept = new Map((await ports.subjectKeys.find(tenant, names.map(keyOf))).map((key) => [keyText(key), key]));
    const { ring } = ports;
    // At the place of its entry, whichever is opened first.
    const openedAt: ({ readonly id: string; readonly subject: string } | undefined)[] = events.map(() => undefined);
    const shown = await Promise.all(
      events.map(async (event, index) => {
        const own = sealed[index];
        const id = entries[index]?.columns.id ?? "";
        if (own === undefined) return event;
        const key = kept.get(own.key);
        if (key === undefined)
          return withFields(
            event,
            own,
            own.fields.map(() => erasedMark),
          );
        if (personal.kind === "withheld" || ring === undefined) return event;
        // A row that somebody changed is no reason to show none.
        const plain = await ring
          .open(tenant, key, key.sealed)
          .then((secret) => openBytes(secret, { kid: own.key, for: id }, own.content))
          .catch(() => undefined);
        if (plain === undefined) return event;
        openedAt[index] = { id, subject: key.subject };
        return withFields(event, own, JSON.parse(Buffer.from(plain).toString("utf8")) as unknown[]);
      }),
    );
    const opened = openedAt.filter((one) => one !== undefined);
    if (opened.length > 0 && personal.kind === "shown") {
      const what = { by: personal.to, entries: opened.map(({ id }) => id), subjects: [...new Set(opened.map(({ subject }) => subject))] };
      await ports.ownEntries.shown(tenant, what, ports.clock.now());
      ports.signals.personalShown({ tenant, by: personal.to, entries: opened.length });
    }
    return shown;
  };
}
