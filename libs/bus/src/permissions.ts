import { hints, type ServiceName, type StreamName, stores, subjects } from "@aegis/contracts/subjects";
import { definitions } from "./streams.ts";

/** What a NATS user may do, as allow-lists of subjects; everything else is refused by the server. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** Who writes which bucket or object store; all others may at most read it. */
const writers: Readonly<Record<string, readonly ServiceName[]>> = {
  [`KV_${stores.policyHeads}`]: ["policy-compiler"],
  [`KV_${stores.revocations}`]: ["token"],
  [`KV_${stores.replicas}`]: ["authz"],
  [`OBJ_${stores.bundles}`]: ["policy-compiler"],
};

/**
 * The durable consumers of each service. Only their own service pulls from them and acknowledges: whoever could do that in
 * another's name could keep an event from it.
 */
const durables: Readonly<Record<ServiceName, Partial<Record<StreamName, readonly string[]>>>> = {
  authz: {},
  token: {},
  approvals: { DECISIONS: ["approvals"], CONTROL: ["approvals-registered", "approvals-revoked"] },
  "policy-compiler": { CONTROL: ["policy-compiler-activations"] },
  budget: { DECISIONS: ["budget"] },
  audit: { DECISIONS: ["audit-decisions"], CONTROL: ["audit-control"] },
};

/** Core subjects: who says them, and who listens. */
const hintRows: readonly { subject: string; owner: ServiceName; consumers: readonly ServiceName[] }[] = [
  { subject: hints.watermark("*"), owner: "audit", consumers: ["authz"] },
  { subject: hints.authnFailed, owner: "authz", consumers: ["audit"] },
  { subject: hints.recall, owner: "authz", consumers: ["authz"] },
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
      ...hintRows.filter((row) => row.owner === service).map((row) => row.subject),
      "$JS.API.INFO",
      ...definitions().flatMap(({ name }) => [`$JS.API.STREAM.INFO.${name}`, `$JS.API.STREAM.CREATE.${name}`]),
      ...readers.flatMap(consuming),
      ...Object.entries(writers).flatMap(([stream, owners]) => storing(stream, owners.includes(service))),
    ],
    subscribe: [inboxOf(service), ...hintRows.filter((row) => row.consumers.includes(service)).map((row) => row.subject)],
  };
}

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

/** Reading a bucket or an object store takes ordered consumers, direct gets and flow control. */
function storing(stream: string, writes: boolean): string[] {
  const [kind, name] = [stream.slice(0, stream.indexOf("_")), stream.slice(stream.indexOf("_") + 1)];
  const read = [
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.FC.${stream}.>`,
  ];
  if (!writes) return read;
  return kind === "KV" ? [...read, `$KV.${name}.>`] : [...read, `$O.${name}.>`, `$JS.API.STREAM.PURGE.${stream}`];
}
