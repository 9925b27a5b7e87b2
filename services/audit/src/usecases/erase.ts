import { AegisError } from "@aegis/contracts/errors";
import { person } from "@aegis/contracts/operator";
import { contentId } from "#domain/content-id.ts";
import { erasureMs } from "#domain/erasure.ts";
import type { Erasure, HeldBy, PersonalPorts } from "./personal-ports.ts";
import { ringOf } from "./subject-key.ts";

/** Whose data are to be unreadable: by what names them in calls, or by the pseudonym that the ledger knows them by. */
export type Person = { readonly subject: string } | { readonly pseudonym: string };

export type Erased = { readonly kind: "erased" | "proposed"; readonly erasure: Erasure; readonly keys: readonly number[] };

type Ports = Pick<PersonalPorts, "ring" | "subjectKeys" | "erasures" | "subjectErased" | "clock" | "signals" | "secondPerson">;

/**
 * Destroys every key of a person, so that what was sealed with them opens for nobody; or keeps the wish until a second person agrees. New data
 * about the same person get a new key.
 *
 * @throws AegisError `not_found` when nothing is sealed for them; `invalid_argument` when the reason spells who they are; `conflict` when a legal
 * hold covers what is sealed.
 */
export async function erase(
  ports: Ports,
  tenant: string,
  who: Person,
  said: { readonly reason: string; readonly by: string },
): Promise<Erased> {
  const subject = "pseudonym" in who ? who.pseudonym : ringOf(ports).pseudonym(tenant, who.subject);
  if ("subject" in who && said.reason.toLowerCase().includes(who.subject.toLowerCase()))
    throw new AegisError("invalid_argument", "the reason spells who is to be erased, and would outlive them in the ledger");
  const { generation } = await ports.subjectKeys.present(tenant, subject);
  if (generation === undefined) throw nothingSealed();
  const hold = await ports.erasures.heldBy(tenant, { subject, generation });
  if (hold !== undefined) throw underHold(hold);
  const askedAt = ports.clock.now();
  const id = contentId(JSON.stringify(["erasure", tenant, subject, askedAt, said]));
  const expiresAt = new Date(askedAt.getTime() + erasureMs);
  const erasure: Erasure = { tenant, id, subject, ...said, askedAt, expiresAt, approver: null, doneAt: null };
  await ports.erasures.propose(erasure);
  if (!ports.secondPerson) return carryOut(ports, erasure);
  ports.signals.erased({ tenant, subject, by: said.by, keys: 0 });
  return { kind: "proposed", erasure, keys: [] };
}

/**
 * A second person agrees, and it is done.
 *
 * @throws AegisError `not_found`; `permission_denied` for the person who asked; `conflict` when it is done, or has expired.
 */
export async function agreeToErase(ports: Ports, tenant: string, id: string, approver: string): Promise<Erased> {
  const erasure = await ports.erasures.find(tenant, id);
  if (erasure === undefined) throw new AegisError("not_found", `there is no erasure ${id}`);
  if (person(erasure.by) === person(approver))
    throw new AegisError("permission_denied", "a second person must agree, not the one who asked");
  if (erasure.doneAt !== null) throw new AegisError("conflict", "this erasure was carried out already");
  if (ports.clock.now() >= erasure.expiresAt) throw new AegisError("conflict", "nobody agreed to this erasure in time: ask again");
  return carryOut(ports, { ...erasure, approver });
}

async function carryOut(ports: Ports, erasure: Erasure): Promise<Erased> {
  const { tenant, subject, by } = erasure;
  const doneAt = ports.clock.now();
  const done = await ports.erasures.carryOut(erasure, doneAt);
  if (done.kind === "held") throw underHold(done.hold);
  if (done.kind === "nothing") throw nothingSealed();
  const { keys } = done;
  for (const generation of keys) ports.subjectErased(tenant, { subject, generation });
  ports.signals.erased({ tenant, subject, by, keys: keys.length });
  return { kind: "erased", erasure: { ...erasure, doneAt }, keys };
}

/** What a legal hold keeps is not erased: whoever placed it must release it first. */
const underHold = ({ id, reason }: HeldBy) =>
  new AegisError(
    "conflict",
    `what is sealed for this person is under the legal hold ${id} (${reason}): it can be erased once that is released`,
  );

const nothingSealed = () => new AegisError("not_found", "nothing is sealed for this person, or it was erased already");
