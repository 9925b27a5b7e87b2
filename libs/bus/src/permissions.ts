import { hints, type ServiceName, type StreamName, siemSubject, statementSubject, stores, subjects } from "@aegis/contracts/subjects";
import { definitions } from "./streams.ts";

/** What a NATS user may do, as allow-lists of subjects; everything else is refused by the server. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

interface Store {
  readonly writers: readonly ServiceName[];
  /**
   * Who asks for single messages; everybody may follow a bucket. Such an answer is the stored message, headers and all, and goes to
   * any subject the asker names: with a deleted key's message that could lift a revocation.
   */
  readonly getters: readonly ServiceName[];
}

/** Buckets and object stores by the names of their streams. */
const storeRows: Readonly<Record<string, Store>> = {
  [`KV_${stores.policyHeads}`]: { writers: ["policy-compiler"], getters: ["policy-compiler"] },
  [`KV_${stores.revocations}`]: { writers: ["token"], getters: ["token"] },
  [`KV_${stores.replicas}`]: { writers: ["authz"], getters: [] },
  [`KV_${stores.sessions}`]: { writers: ["authz"], getters: ["authz"] },
  [`KV_${stores.proofs}`]: { writers: ["authz"], getters: [] },
  [`KV_${stores.budgetState}`]: { writers: ["budget"], getters: [] },
  [`OBJ_${stores.bundles}`]: { writers: ["policy-compiler"], getters: ["policy-compiler", "authz", "budget"] },
};

/**
 * The durable consumers of each service. Only their own service pulls from them and acknowledges: whoever could do that in
 * another's name could keep an event from it.
 */
const durables: Readonly<Record<ServiceName, Partial<Record<StreamName, readonly string[]>>>> = {
  authz: {},
  token: {},
  approvals: {
    DECISIONS: ["approvals"],
    CONTROL: [
      ...["approvals-registered", "approvals-revoked", "approvals-tripped", "approvals-threshold", "approvals-exhausted"],
      ...["approvals-published", "approvals-rolledback", "approvals-promoted"],
    ],
  },
  "policy-compiler": { CONTROL: ["policy-compiler-activations"] },
  budget: { DECISIONS: ["budget"] },
  audit: { DECISIONS: ["audit-decisions"], CONTROL: ["audit-control"], PRODUCERS: ["audit-producers"] },
};

/** Core subjects: who says them, and who listens. */
const hintRows: readonly { subject: string; owner: ServiceName; consumers: readonly ServiceName[] }[] = [
  { subject: hints.watermark("*"), owner: "audit", consumers: ["authz"] },
  { subject: hints.authnFailed, owner: "authz", consumers: ["audit"] },
  { subject: hints.recall, owner: "authz", consumers: ["authz"] },
  { subject: hints.callFailed, owner: "authz", consumers: ["authz"] },
  { subject: hints.agentStreak, owner: "authz", consumers: ["authz"] },
  { subject: hints.subjectErased, owner: "audit", consumers: ["authz"] },
];

/**
 * The allow-list of one service, from the table of subjects: it publishes only events it owns, reads only streams it consumes,
 * writes only its own buckets, and hears only its own inbox. It may make a missing stream of ours, and change or delete none.
 */
export function servicePermissions(service: ServiceName): Permissions {
  const rows = Object.values(subjects);
  const owned = rows.filter((row) => row.owner === service).map((row) => row.pattern.replace(/<\w+>/g, "*"));
  const readers = Object.entries(durables[service]).flatMap(([stream, names]) => names.map((name) => `${stream}.${name}`));
  return {
    publish: [
      ...owned,
      ...(service === "authz" ? [statementSubject("*")] : []),
      ...hintRows.filter((row) => row.owner === service).map((row) => row.subject),
      ...(service === "audit" ? siem : []),
      "$JS.API.INFO",
      ...definitions().flatMap(({ name }) => [`$JS.API.STREAM.INFO.${name}`, `$JS.API.STREAM.CREATE.${name}`]),
      ...readers.flatMap(consuming),
      ...Object.entries(storeRows).flatMap(([stream, row]) => storing(stream, row, service)),
    ],
    subscribe: [inboxOf(service), ...hintRows.filter((row) => row.consumers.includes(service)).map((row) => row.subject)],
  };
}

/** audit writes the OCSF records, and makes the durable consumers that tenants read them from. */
const siem = [siemSubject("*", "*"), ...["CREATE", "DURABLE.CREATE", "INFO"].map((call) => `$JS.API.CONSUMER.${call}.SIEM.>`)];

/** What anyone on NATS may hear without a login, for people and systems that look on: every event and hint, and nothing else. */
export const observableSubjects: readonly string[] = ["aegis.>"];

const inboxOf = (user: string) => `_INBOX_${user}.>`;

/** `consumer` is "<stream>.<durable>"; the subject that makes one may end in its filter. */
function consuming(consumer: string): string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${consumer}`,
    `$JS.API.CONSUMER.CREATE.${consumer}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${consumer}`,
    `$JS.API.CONSUMER.INFO.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${consumer}`,
    `$JS.ACK.${consumer}.>`,
  ];
}

/** Following a bucket takes ordered consumers and flow control. */
function storing(stream: string, { writers, getters }: Store, service: ServiceName): string[] {
  const [kind, name] = [stream.slice(0, stream.indexOf("_")), stream.slice(stream.indexOf("_") + 1)];
  const follow = ["CREATE", "INFO", "DELETE"].map((call) => `$JS.API.CONSUMER.${call}.${stream}.>`);
  const get = [`$JS.API.DIRECT.GET.${stream}`, `$JS.API.DIRECT.GET.${stream}.>`, `$JS.API.STREAM.MSG.GET.${stream}`];
  const write = kind === "KV" ? [`$KV.${name}.>`] : [`$O.${name}.>`, `$JS.API.STREAM.PURGE.${stream}`];
  return [...follow, `$JS.FC.${stream}.>`, ...(getters.includes(service) ? get : []), ...(writers.includes(service) ? write : [])];
}
