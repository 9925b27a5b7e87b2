import { segmentsOf } from "@aegis/canonical/pointer";
import { type Sealed, sealed } from "@aegis/contracts/decision-event";
import { isObject } from "./candidate.ts";

/** What an event keeps sealed; undefined when it keeps nothing so, or says it in a way that is not ours. */
export function sealedIn(event: unknown): Sealed | undefined {
  const data = isObject(event) && isObject(event.data) ? event.data : {};
  const parsed = sealed.safeParse(data.sealed);
  return parsed.success ? parsed.data : undefined;
}

/** What stands for data of a person who was erased. */
export const erasedMark = "[erased]";

/** A copy of the event with these values where its sealed fields lead. A field that leads nowhere is left out. */
export function withFields(event: unknown, { fields }: Pick<Sealed, "fields">, values: readonly unknown[]): unknown {
  const copy = structuredClone(event) as { data: unknown };
  for (const [index, pointer] of fields.entries()) {
    const segments = segmentsOf(pointer);
    const last = segments.pop() ?? "";
    const holder = segments.reduce<unknown>((at, segment) => memberOf(at, segment), copy.data);
    if (memberOf(holder, last) !== undefined) (holder as Record<string, unknown>)[last] = values[index];
  }
  return copy;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
