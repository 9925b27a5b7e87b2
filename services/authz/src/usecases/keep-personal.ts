import type { DecisionData, DecisionEvent, Producer } from "@aegis/contracts/decision-event";
import { sealBytes } from "@aegis/identity/sealed";
import type { PersonalPlaces } from "@aegis/policy/snapshot";
import type { Draft } from "#domain/draft.ts";
import { withholdPersonal } from "#domain/personal.ts";
import type { SubjectKeys } from "./ports.ts";

type MakeEvent = (producer: Producer) => DecisionEvent;

/** Its place in the sequence is not known yet, and nothing that is kept depends on it. */
const nowhere: Producer = { id: "", epoch: "", sequence: 1 };

/**
 * The same event without what is somebody's own: that is in it only under the key of whom the call is about. Where nothing names them, or
 * their key is not to be had now, it is in no record at all. Nothing of it reaches the disk in the clear.
 */
export async function keepPersonal(
  keys: SubjectKeys,
  draft: Pick<Draft, "id" | "principal" | "call">,
  make: MakeEvent,
  places: PersonalPlaces,
): Promise<MakeEvent> {
  const event = make(nowhere);
  const { producer: _, ...whole } = event.data;
  const { data, fields, values } = withholdPersonal(whole, places);
  const sealed = await seal(keys, draft, { fields, values, subject: places.subjectOf(draft.call.arguments) });
  const kept = sealed === undefined ? data : { ...data, sealed };
  return (producer) => ({ ...event, data: { ...kept, producer } });
}

async function seal(
  keys: SubjectKeys,
  { id, principal }: Pick<Draft, "id" | "principal">,
  { fields, values, subject }: { fields: readonly string[]; values: readonly unknown[]; subject: string | undefined },
): Promise<DecisionData["sealed"]> {
  if (subject === undefined || fields.length === 0) return undefined;
  const key = await keys.keyOf(principal.tenant, subject);
  if (key === undefined) return undefined;
  const content = await sealBytes(key.secret, { kid: key.id, for: id }, Buffer.from(JSON.stringify(values)));
  return { key: key.id, fields: [...fields], content };
}
